//! What a failed round leads to: a status and an event that a person can act on, a metric, and another round.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use kube::runtime::controller::Action;
use presale_cluster::{Error, Notice, failed_status, write_shop_status};
use presale_crds::ShopService;
use presale_metrics::ErrorLabels;
use presale_models::series::StepError;

use crate::operator::{Operator, key_of};

/// Where another round may help soon.
const SOON: Duration = Duration::from_secs(5);
/// Where a person has to act first; the watch brings us back at once when they did.
const LATER: Duration = Duration::from_mins(1);

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// At the Kubernetes border.
    #[error(transparent)]
    Cluster(#[from] Error),
    /// The tick is no step of a series.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl Failed {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cluster(error) => error.reason(),
            Self::Step(_) => "InvalidTick",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.is_retryable())
    }
}

/// Tells the person whose service it is.
pub(crate) async fn tell(operator: &Operator, shop: &ShopService, failed: &Failed) {
    let Failed::Cluster(error) = failed else { return };
    if matches!(error, Error::NotLeader { .. }) {
        return;
    }
    let status = failed_status(shop, error, operator.now());
    let told = async {
        write_shop_status(&operator.writer, shop, &status).await?;
        if error.is_retryable() { Ok(()) } else { operator.events.tell(shop, &Notice::failed(error)).await }
    };
    if let Err(second) = told.await {
        tracing::warn!(service = %key_of(shop), error = %second, "a failure cannot be reported");
    }
}

/// When to try again.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the controller calls")]
pub(crate) fn policy<K: Resource<DynamicType = ()>>(
    _object: Arc<K>,
    failed: &Failed,
    operator: Arc<Operator>,
) -> Action {
    let kind = if K::kind(&()) == "ShopService" { "ShopService" } else { "PromotionEvent" };
    operator.metrics.errors.get_or_create(&ErrorLabels { kind, reason: failed.reason() }).inc();
    tracing::warn!(error = %failed, reason = failed.reason(), kind, "a round failed");
    Action::requeue(if failed.is_retryable() { SOON } else { LATER })
}
