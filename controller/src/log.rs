//! JSON logs on stderr; every reconciliation is a span with a trace id, so that its lines can be found together.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging by `filter`.
///
/// # Errors
/// When the filter makes no sense or logging has been started before.
pub(crate) fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    Ok(tracing_subscriber::registry().with(filter).with(lines).try_init()?)
}

/// Gives out trace ids: 16 bytes in hex as W3C Trace Context has them, distinct between processes started at different
/// nanoseconds.
#[derive(Debug)]
pub(crate) struct TraceIds {
    started: u64,
    next: AtomicU64,
}

impl TraceIds {
    /// Ids of a process that started then.
    pub(crate) fn new(started: Timestamp) -> Self {
        let nanoseconds = u64::try_from(started.as_nanosecond()).unwrap_or(1);
        Self { started: nanoseconds, next: AtomicU64::new(1) }
    }

    /// The next one.
    pub(crate) fn next(&self) -> String {
        format!("{:016x}{:016x}", self.started, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_the_standard_and_differ() {
        let ids = TraceIds::new(Timestamp::from_second(1_800_000_000).unwrap());
        let (a, b) = (ids.next(), ids.next());
        assert_eq!((a.len(), b.len()), (32, 32));
        assert!(a != b && a.chars().all(|c| c.is_ascii_hexdigit()));
    }
}
