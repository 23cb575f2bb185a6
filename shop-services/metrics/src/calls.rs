//! Families of calls to others: how long they took, and how they ended.

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::families::{ShopMetrics, durations, register};
use crate::names;

/// Calls to other services and providers.
#[derive(Debug, Clone)]
pub struct Calls {
    duration: Family<Call, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    server: Cow<'static, str>,
    http_response_status_code: u16,
}

impl Calls {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let duration = Family::new_with_constructor(durations as fn() -> Histogram);
        Self { duration: register(metrics.registry(), &names::HTTP_CLIENT_DURATION, duration) }
    }

    /// A call to `server` took so long and was answered with this status, 0 where no answer came.
    pub fn called(&self, server: impl Into<Cow<'static, str>>, status: u16, took: Duration) {
        let call = Call { server: server.into(), http_response_status_code: status };
        self.duration.get_or_create(&call).observe(took.as_secs_f64());
    }
}
