//! What each service costs: its memory and CPU at rest, and the CPU of a request, by its pods' control groups and its
//! own metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use kube::ResourceExt;
use test_kit::Client;
use tokio::time::Instant;

use crate::release::now;
use crate::stage::Stage;

/// How long the shop is looked at while nobody comes.
const REST: Duration = Duration::from_secs(15);
/// Requests that came, and events that were taken.
const WORK: [&str; 2] = ["shop_requests_offered_total", "messaging_client_consumed_messages_total"];
const RESIDENT: &str = "process_resident_memory_bytes";

/// One pod at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    cpu_seconds: f64,
    work: [f64; 2],
    resident: f64,
}

/// All pods at one moment, by service and uid.
type Look = (Instant, BTreeMap<(String, String), Reading>);

/// What pods that were there in both of two looks used in between.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    pods: u32,
    seconds: f64,
    cpu_seconds: f64,
    work: [f64; 2],
    /// The largest of them.
    resident: f64,
}

impl Used {
    /// CPU of one of its pods, processors.
    fn cpu(&self) -> f64 {
        self.cpu_seconds / self.seconds / f64::from(self.pods.max(1))
    }
}

/// Looks at every service at rest and at work.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    rest: BTreeMap<String, Used>,
    work: BTreeMap<String, Used>,
}

impl Meter {
    /// Measures while nobody comes.
    pub(crate) async fn rests(&mut self, stage: &Stage) -> anyhow::Result<()> {
        let before = look(stage).await?;
        tokio::time::sleep(REST).await;
        self.rest = used(&before, &look(stage).await?);
        Ok(())
    }

    /// Measures from now on, until `end`.
    pub(crate) async fn works(&mut self, stage: &Stage, end: Timestamp) -> anyhow::Result<()> {
        let before = look(stage).await?;
        tokio::time::sleep(Duration::try_from(end.duration_since(now())).unwrap_or_default()).await;
        self.work = used(&before, &look(stage).await?);
        ensure!(self.work.len() == 10, "only {:?} were measured", self.work.keys());
        Ok(())
    }

    /// A row per service, as Markdown. What a request costs is all that was used beyond the use at rest, with the events
    /// that follow from it; a service that nobody calls is told by event.
    pub(crate) fn table(&self) -> String {
        let mut text =
            "| service | MiB at rest | m CPU at rest | MiB at work | requests/s | events/s | ms CPU of one |\n\
                        |---|--:|--:|--:|--:|--:|--:|\n"
                .to_owned();
        for (service, work) in &self.work {
            let rest = self.rest.get(service).copied().unwrap_or_default();
            let [requests, events] = work.work;
            let beyond = work.cpu_seconds - rest.cpu() * work.seconds * f64::from(work.pods);
            let each = beyond / if requests > 0.0 { requests } else { events };
            let mib = |bytes: f64| bytes / f64::from(1 << 20);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {service} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} |",
                mib(rest.resident),
                rest.cpu() * 1e3,
                mib(work.resident),
                requests / work.seconds,
                events / work.seconds,
                each * 1e3
            );
        }
        text
    }
}

async fn look(stage: &Stage) -> anyhow::Result<Look> {
    let mut readings = BTreeMap::new();
    for (service, pod) in stage.pods().await? {
        let (Some(uid), Some(ip)) = (pod.uid(), pod.status.and_then(|status| status.pod_ip)) else { continue };
        let answer = Client::new(format!("http://{ip}:9090"))?.send("GET", "/metrics", &[], None).await;
        let exposition = answer.with_context(|| format!("metrics of a pod of {service}"))?.text();
        let reading = Reading {
            cpu_seconds: stage.node.cpu_seconds(&uid)?,
            work: WORK.map(|name| sum(&exposition, name)),
            resident: sum(&exposition, RESIDENT),
        };
        readings.insert((service, uid), reading);
    }
    Ok((Instant::now(), readings))
}

/// Sum of all series of a metric.
fn sum(exposition: &str, name: &str) -> f64 {
    let series = exposition.lines().filter_map(|line| line.strip_prefix(name));
    let own = series.filter(|rest| rest.starts_with(['{', ' ']));
    own.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn used((from, before): &Look, (to, after): &Look) -> BTreeMap<String, Used> {
    let mut all: BTreeMap<String, Used> = BTreeMap::new();
    for ((service, uid), then) in before {
        let Some(now) = after.get(&(service.clone(), uid.clone())) else { continue };
        let used = all.entry(service.clone()).or_default();
        used.pods += 1;
        used.seconds = to.duration_since(*from).as_secs_f64();
        used.cpu_seconds += now.cpu_seconds - then.cpu_seconds;
        for (sum, (now, then)) in used.work.iter_mut().zip(now.work.into_iter().zip(then.work)) {
            *sum += now - then;
        }
        used.resident = used.resident.max(now.resident);
    }
    all
}
