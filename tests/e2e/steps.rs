//! Steps of a suite on pods: each is told when it is over, and what must come true is waited for.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

/// Tells when it is done and when it fails: of two that run side by side, both.
pub(crate) async fn step<T>(what: &str, check: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    let outcome = check.await.with_context(|| format!("not so: {what}"));
    let after = begun.elapsed().as_secs_f64();
    match &outcome {
        Ok(_) => println!("{after:>5.0} s  {what}"),
        Err(error) => println!("{after:>5.0} s  {error:#}"),
    }
    outcome
}

/// Looks until it comes true, twice a second.
pub(crate) async fn until<T, F>(what: &str, patience: Duration, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(Instant::now() < deadline, "not within {} s: {what}", patience.as_secs());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
