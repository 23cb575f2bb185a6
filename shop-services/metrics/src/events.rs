//! Families of services with events and idempotent writes: outbox, inbox, broker, replays.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::families::{ShopMetrics, durations, gauge, register};
use crate::names;

/// Events sent and applied, what waits, and requests that were replayed.
#[derive(Debug, Clone)]
pub struct Events {
    sent: Family<Kind, Counter>,
    consumed: Family<Consumed, Counter>,
    duration: Histogram,
    duplicates: Counter,
    idempotency: Family<Outcome, Counter>,
    waiting: Waiting,
}

/// How many events wait in the outbox, and the oldest one's age; unknown until it was read once.
#[derive(Debug, Clone, Default)]
struct Waiting(Arc<Mutex<Option<(u64, Duration)>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    messaging_operation_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Consumed {
    messaging_operation_name: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Events {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        let waiting = Waiting::default();
        registry.register_collector(Box::new(waiting.clone()));
        Self {
            sent: register(registry, &names::MESSAGES_SENT, Family::default()),
            consumed: register(registry, &names::MESSAGES_CONSUMED, Family::default()),
            duration: register(registry, &names::MESSAGE_PROCESS_DURATION, durations()),
            duplicates: register(registry, &names::INBOX_DUPLICATES, Counter::default()),
            idempotency: register(registry, &names::IDEMPOTENCY, Family::default()),
            waiting,
        }
    }

    /// The broker acknowledged an event of this kind.
    pub fn sent(&self, kind: &str) {
        self.sent.get_or_create(&Kind { messaging_operation_name: kind.to_owned() }).inc();
    }

    /// An event of this kind was taken from the broker and ended so after `took`.
    pub fn consumed(&self, kind: &str, outcome: &'static str, took: Duration) {
        self.consumed.get_or_create(&Consumed { messaging_operation_name: kind.to_owned(), outcome }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// An event came again after it had been applied.
    pub fn duplicate(&self) {
        self.duplicates.inc();
    }

    /// A request with an idempotency key began so: `executed`, `replayed`, `running` or `mismatched`.
    pub fn idempotency(&self, outcome: &'static str) {
        self.idempotency.get_or_create(&Outcome { outcome }).inc();
    }

    /// This many events wait in the outbox, the oldest for `oldest`.
    pub fn outbox(&self, waiting: u64, oldest: Duration) {
        *self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((waiting, oldest));
    }
}

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some((waiting, oldest)) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        gauge(&mut encoder, &names::OUTBOX_UNPUBLISHED, waiting as f64)?;
        gauge(&mut encoder, &names::OUTBOX_OLDEST_AGE, oldest.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::{Build, Process};

    #[derive(Debug)]
    struct Nothing;
    impl Process for Nothing {
        fn cpu(&self) -> Option<Duration> {
            None
        }
        fn resident_bytes(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn an_outbox_that_was_never_read_is_not_shown_as_empty() {
        let mut metrics = ShopMetrics::new(&Build { service_name: "stock", version: "1" }, Nothing);
        let events = Events::register(&mut metrics);
        assert!(!metrics.render().unwrap().contains("shop_outbox_"));
        events.outbox(3, Duration::from_millis(1500));
        events.consumed("order.confirmed", "applied", Duration::from_millis(2));
        let text = metrics.render().unwrap();
        assert!(text.contains("shop_outbox_unpublished_messages 3"), "{text}");
        assert!(text.contains("shop_outbox_oldest_age_seconds 1.5"), "{text}");
        let consumed = r#"messaging_client_consumed_messages_total{messaging_operation_name="order.confirmed",outcome="applied"} 1"#;
        assert!(text.contains(consumed), "{text}");
    }
}
