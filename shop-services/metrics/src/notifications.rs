//! Families of notifications: attempts to deliver, messages that wait and those given up.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::families::{ShopMetrics, gauge, register};
use crate::names;

/// Attempts so far, and messages now.
#[derive(Debug, Clone)]
pub struct Notifications {
    attempts: Family<Attempt, Counter>,
    messages: Messages,
}

/// Messages pending, dead, and the age of the oldest pending; unknown until they were counted once.
#[derive(Debug, Clone, Default)]
struct Messages(Arc<Mutex<Option<(i64, i64, Duration)>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Notifications {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        let messages = Messages::default();
        registry.register_collector(Box::new(messages.clone()));
        Self { attempts: register(registry, &names::NOTIFICATION_ATTEMPTS, Family::default()), messages }
    }

    /// An attempt ended so.
    pub fn attempted(&self, outcome: &'static str) {
        self.attempts.get_or_create(&Attempt { outcome }).inc();
    }

    /// So many messages are pending, the oldest for so long, and so many are dead.
    pub fn counted(&self, pending: i64, dead: i64, oldest: Duration) {
        *self.messages.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((pending, dead, oldest));
    }
}

impl Collector for Messages {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((pending, dead, oldest)) = counted else { return Ok(()) };
        gauge(&mut encoder, &names::NOTIFICATIONS_OLDEST_AGE, oldest.as_secs_f64())?;
        let family = Family::<State, Gauge>::default();
        family.get_or_create(&State { state: "pending" }).set(pending);
        family.get_or_create(&State { state: "dead" }).set(dead);
        let name = &names::NOTIFICATIONS;
        family.encode(encoder.encode_descriptor(name.registered_name(), name.help, None, family.metric_type())?)
    }
}
