//! The warm reserve of one service: what a decision has to know of it, the steps that follow, and what is told.

mod actuate;
mod memory;
#[cfg(test)]
mod properties;
pub(crate) mod signal;
mod steps;

use jiff::{SignedDuration, Timestamp};
use presale_cluster::convert::{ReserveSpec, ServiceSpec};
use presale_cluster::reserve::Growth as Progress;
use presale_cluster::{Observed, PodFacts, ReserveReport};
use presale_crds::ReserveStatus;
use presale_planner::{Decision, Mode, PlanInput, ReserveInput};

pub(crate) use actuate::carry_out;
pub(crate) use memory::Memory;
use steps::{Growth, Pod, Size, Wanted};

/// How long a pod that is cut off must have been quiet before it is shrunk: proxies learn of it meanwhile.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// The reserve as a decision sees it; `None` where the service has none yet.
pub(crate) fn input(observed: &Observed, spec: &ServiceSpec, memory: &Memory) -> Option<ReserveInput> {
    let policy = spec.reserve.as_ref().filter(|_| observed.has_reserve)?.policy;
    let out = observed.pods.iter().filter(|pod| observed.is_cut_off(pod));
    let warm = clip(out.clone().count());
    let deferred = clip(out.filter(|pod| growth(pod, memory) == Growth::Stuck).count());
    Some(ReserveInput { policy, warm, deferred })
}

/// What is told of the reserve; `None` where the service has none.
pub(crate) fn report(
    observed: &Observed,
    spec: &ServiceSpec,
    decision: &Decision,
    memory: &Memory,
    can_resize: bool,
) -> Option<ReserveReport> {
    if !observed.has_reserve {
        return None;
    }
    let out: Vec<&PodFacts> = observed.pods.iter().filter(|pod| observed.is_cut_off(pod)).collect();
    let warm = |pod: &&&PodFacts| pod.ready_since.is_some() && growth(pod, memory) != Growth::Stuck;
    let status = ReserveStatus {
        wanted: warm_wanted(spec, decision),
        warm: clip(out.iter().filter(warm).count()),
        shrunk: clip(out.iter().filter(warm).filter(|pod| pod.reserve.is_small()).count()),
        deferred: clip(out.iter().filter(|pod| growth(pod, memory) == Growth::Stuck).count()),
    };
    let unread = |pod: &&PodFacts| {
        let shrinks = spec.reserve.as_ref().is_some_and(|reserve| pod.reserve.small(reserve).is_some());
        shrinks && !pod.reserve.is_small() && memory.is_unread(&pod.uid)
    };
    Some(ReserveReport { status, can_resize, told: !out.into_iter().any(|pod| unread(&pod)) })
}

fn warm_wanted(spec: &ServiceSpec, decision: &Decision) -> u32 {
    let reserve = spec.reserve.as_ref().and(decision.reserve);
    reserve.map_or(0, |reserve| reserve.replicas)
}

/// What the pods of a service are to the steps.
fn pods(observed: &Observed, spec: Option<&ReserveSpec>, memory: &Memory, now: Timestamp) -> Vec<Pod> {
    let of = |pod: &PodFacts| {
        let (reserve, in_service) = (&pod.reserve, !observed.is_cut_off(pod));
        let marked = reserve.goes_first && reserve.noted.is_some();
        let labelled = reserve.label != presale_cluster::reserve::ServiceLabel::Missing;
        let gives = spec.is_some_and(|spec| reserve.small(spec).is_some());
        Pod {
            name: pod.name.clone(),
            created: pod.created,
            node: pod.node.clone(),
            ready: pod.ready_since.is_some(),
            in_service,
            tidy: labelled && if in_service { !reserve.goes_first } else { marked },
            size: match (reserve.is_small(), gives) {
                (true, _) => Size::Small,
                (false, true) => Size::Full,
                (false, false) => Size::Fixed,
            },
            growth: growth(pod, memory),
            quiet: memory.quiet(&pod.uid, now),
        }
    };
    observed.pods.iter().map(of).collect()
}

/// A growth that nobody here asked for is not ours to judge.
fn growth(pod: &PodFacts, memory: &Memory) -> Growth {
    let deferred = pod.reserve.noted.is_some() && matches!(pod.reserve.growth, Progress::Deferred(_));
    if deferred || memory.is_refused(&pod.uid) { Growth::Stuck } else { Growth::Settled }
}

/// What a decision wants of the pods, and what it may do to them.
fn wanted(input: &PlanInput, decision: &Decision, spec: &ServiceSpec, rolling_out: bool, can_resize: bool) -> Wanted {
    let policy = &input.policy;
    let acts = input.conflict.is_none() && matches!(policy.mode, Mode::Auto | Mode::Shadow);
    Wanted {
        active: decision.desired,
        warm: warm_wanted(spec, decision),
        most: policy.max,
        grace: GRACE,
        can_resize,
        may_raise: acts && !policy.paused_out,
        may_lower: acts && !policy.paused_in,
        rolling_out,
    }
}

fn clip(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
