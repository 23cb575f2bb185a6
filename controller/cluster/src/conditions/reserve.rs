//! The condition of the warm reserve: held, on its way, or why it is refused.

use presale_crds::{ConditionStatus, ReserveSize, ShopService};

use super::{Said, said};
use crate::status::Report;

/// What is said of the reserve; `None` where none was ever asked for (`known`: something was said before).
pub(super) fn held(report: &Report<'_>, known: bool) -> Option<Said> {
    if !wants(report.shop) {
        return known.then(|| said(ConditionStatus::Unknown, "NotWanted", "scaling.reserve is not set"));
    }
    if report.shop.spec.workload_ref.is_some() {
        let message = "a reserve changes the labels, the Service and the size of pods, which a workloadRef leaves to \
                       whoever runs them: use image instead of workloadRef, or remove scaling.reserve";
        return Some(said(ConditionStatus::False, "AdoptedWorkload", message));
    }
    let Some(reserve) = report.reserve.filter(|_| report.observed.has_reserve) else {
        let message = "pods from before the reserve still run: it begins when all of them are replaced";
        return Some(said(ConditionStatus::Unknown, "Preparing", message));
    };
    let status = reserve.status;
    Some(if status.deferred > 0 {
        let message = "a node has no room for pods that were to grow: they are no capacity, and new ones are started; \
                       guarantee Reserved keeps their CPU request";
        said(ConditionStatus::False, "GrowthDeferred", message)
    } else if !reserve.can_resize {
        let message = "this Kubernetes resizes no pods in place: pods in reserve are cut off and keep their size";
        said(ConditionStatus::False, "NoResize", message)
    } else if !reserve.told {
        let message = "a pod in reserve does not tell of its requests (metrics shop_requests_offered_total and \
                       http_server_active_requests): it is cut off and keeps its size";
        said(ConditionStatus::False, "PodsUnread", message)
    } else if status.warm < status.wanted {
        said(ConditionStatus::Unknown, "Filling", "fewer pods are in reserve than wanted")
    } else {
        said(ConditionStatus::True, "Held", "as many pods are in reserve as wanted")
    })
}

fn wants(shop: &ShopService) -> bool {
    let reserve = shop.spec.scaling.as_ref().and_then(|scaling| scaling.reserve.as_ref());
    reserve.is_some_and(|reserve| reserve.size.unwrap_or_default() != ReserveSize::None)
}
