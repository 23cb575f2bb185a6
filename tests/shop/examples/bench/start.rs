//! How long a process takes until it is ready, and what it holds while nobody asks anything.

use std::time::Duration;

use anyhow::Context;
use presale_shop::Shop;
use tokio::time::sleep;

use crate::{Row, row};

/// Starts of each service.
const ROUNDS: usize = 7;
/// How long nobody asks anything.
const IDLE: Duration = Duration::from_secs(15);

/// Each service is stopped and started again, on the database that it had.
pub(crate) async fn cold(shop: &mut Shop) -> anyhow::Result<Vec<Row>> {
    let mut medians = Vec::new();
    for (name, service) in shop.services.iter_mut().filter(|(name, _)| **name != "psp-sim") {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            service.stop(Duration::from_secs(20)).await?;
            took.push(service.starts_again().await?);
        }
        took.sort();
        medians.push((took[ROUNDS / 2], took[ROUNDS - 1], *name));
    }
    medians.sort();
    let each: Vec<String> = medians.iter().map(|(median, _, name)| format!("{name} {}", median.as_millis())).collect();
    let (slowest, _, name) = medians.last().copied().context("a service")?;
    let most = medians.iter().map(|(_, most, _)| most.as_millis()).max().unwrap_or_default();
    let what = format!("cold start, process → Ready, median of {ROUNDS} (ms): {}", each.join(", "));
    let measured = format!("{} ms ({name}); longest of all {most} ms", slowest.as_millis());
    Ok(vec![row(what, measured, "≤ 300 ms; ≤ 150 ms")])
}

/// Resident memory of each process, and of all of them with the broker.
pub(crate) async fn memory(shop: &Shop) -> anyhow::Result<Vec<Row>> {
    sleep(IDLE).await;
    let mut each = Vec::new();
    for (name, service) in &shop.services {
        each.push((resident(service.id())?, *name));
    }
    each.push((resident(shop.nats.id().await)?, "nats-server"));
    each.sort_unstable();
    let sum: u64 = each.iter().map(|(kib, _)| kib).sum();
    let (most, name) = each.iter().rev().find(|(_, name)| *name != "nats-server").copied().context("a service")?;
    let list: Vec<String> = each.iter().map(|(kib, name)| format!("{name} {}", kib / 1024)).collect();
    Ok(vec![
        row(
            format!("resident memory idle, MiB: {}", list.join(", ")),
            format!("{} MiB ({name})", most / 1024),
            "≤ 40 MiB; ≤ 25 MiB",
        ),
        row(
            "all twelve: ten services, the provider, the broker",
            format!("{} MiB", sum / 1024),
            "≤ 450 MiB; ≤ 300 MiB",
        ),
    ])
}

/// `VmRSS` of a process, in KiB.
fn resident(id: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
