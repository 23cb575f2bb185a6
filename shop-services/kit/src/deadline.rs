//! How long a caller still waits: told in a header, known to the work done for it, and told on, less the time spent.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// Header with the milliseconds that the sender still waits for the answer.
pub const HEADER: HeaderName = HeaderName::from_static("deadline-ms");

tokio::task_local! {
    static UNTIL: Instant;
}

/// How long the sender of these headers still waits; `None` where it does not say, or nothing that is understood.
pub fn told(headers: &HeaderMap) -> Option<Duration> {
    headers.get(HEADER)?.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

/// What is left to the work that asks; `None` where nobody waits.
pub fn left() -> Option<Duration> {
    UNTIL.try_with(|until| until.saturating_duration_since(Instant::now())).ok()
}

/// The header's value for so much time.
pub fn value(left: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

/// Works for `limit` at most, and lets the work know.
///
/// # Errors
/// Where the time was over first.
pub async fn within<F: Future>(limit: Duration, work: F) -> Result<F::Output, Elapsed> {
    let until = Instant::now() + limit;
    UNTIL.scope(until, timeout_at(until, work)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn work_knows_what_is_left_of_its_time_and_tells_it_on() {
        assert_eq!(left(), None, "nobody waits");
        let seen = within(Duration::from_millis(500), async {
            sleep(Duration::from_millis(200)).await;
            left().unwrap()
        });
        let left = seen.await.unwrap();
        assert_eq!(left, Duration::from_millis(300));
        let headers = HeaderMap::from_iter([(HEADER, value(left))]);
        assert_eq!(told(&headers), Some(left));
        assert!(within(Duration::from_millis(10), sleep(Duration::from_secs(1))).await.is_err());
        for junk in ["", "-1", "1.5", "soon"] {
            assert_eq!(told(&HeaderMap::from_iter([(HEADER, junk.parse().unwrap())])), None, "{junk}");
        }
    }
}
