//! A worker is sized by its queue: what waits raises, and a queue that nobody can see lowers nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::harness::{Stage, load};

/// Forty messages arrive each second; `waiting` is what is told of those that wait.
fn queue(waiting: Option<u32>) -> String {
    let waiting = waiting.map_or(String::new(), |n| format!("# TYPE queue_waiting gauge\nqueue_waiting {n}\n"));
    format!("{waiting}# TYPE queue_arrivals gauge\nqueue_arrivals 40\n")
}

#[tokio::test]
async fn a_backlog_raises_and_one_that_nobody_sees_any_more_lowers_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(0.0, None).await?;
    load.exporter.set(&queue(Some(0)));
    let operator = stage.operator("one", data.path(), &[&load.url(), "--stale-after=5s", "--rate-window=5s"]).await?;
    let spec = json!({"image": "localhost/notifications:1", "replicas": {"min": 1, "max": 20},
        "scaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            "signal": {"type": "Backlog", "query": "max(queue_waiting)", "arrivalsQuery": "sum(queue_arrivals)",
                "perReplica": "20", "clearWithin": "1m"}}});
    stage.shop("notifications", spec).await?;
    // 40 a second and a little room, 20 by each.
    stage.scaled("notifications", 3).await?;

    // 6000 that wait are 100 a second more for a minute.
    load.exporter.set(&queue(Some(6_000)));
    stage
        .status("notifications", "raised by what waits", |status| status["replicas"].as_u64().is_some_and(|n| n >= 8))
        .await?;

    // What waits is told no more. What arrives is, and would do with three: it is a lower bound of the work.
    load.exporter.set(&queue(None));
    stage
        .status("notifications", "half of the signal is gone", |status| {
            status["lastDecision"]["inputs"].to_string().contains("Partial")
        })
        .await?;
    let before = stage.replicas("notifications").await?;
    ensure!(before.is_some_and(|n| n >= 8), "{before:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(stage.replicas("notifications").await? == before, "what is not seen lowers nothing");
    operator.stop().await
}
