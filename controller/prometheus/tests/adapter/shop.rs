//! Growing exporters under the labels of a shop, and a Prometheus that scrapes them every second.

use std::time::Duration;

use presale_models::{LEVELS, Reading};
use presale_prometheus::{Prometheus as Adapter, PrometheusConfig, ServiceKey, ServiceQuery, ServiceReadings, Source};
use test_kit::{Exporter, Prometheus, PrometheusOptions, ScrapeJob};
use tokio::task::JoinHandle;

/// An exporter whose text is a function of quarter seconds that have passed.
pub(crate) struct Growing {
    pub(crate) address: String,
    growing: JoinHandle<()>,
}

impl Growing {
    pub(crate) async fn start(text: impl Fn(u64) -> String + Send + 'static) -> anyhow::Result<Self> {
        let exporter = Exporter::start(&text(0)).await?;
        let address = exporter.address().to_owned();
        let growing = tokio::spawn(async move {
            for quarter in 1.. {
                tokio::time::sleep(Duration::from_millis(250)).await;
                exporter.set(&text(quarter));
            }
        });
        Ok(Self { address, growing })
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.growing.abort(); // and with it the exporter: the target is down
    }
}

/// A target with the labels that a scrape of pods sets.
pub(crate) fn pod(target: &Growing, service: &str, name: &str) -> ScrapeJob {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ScrapeJob {
        job: format!("pods-{name}"),
        targets: vec![target.address.clone()],
        labels: vec![label("namespace", "shop"), label("service", service), label("pod", name)],
    }
}

pub(crate) async fn scraping(scrape: Vec<ScrapeJob>) -> anyhow::Result<(Prometheus, Adapter)> {
    let prometheus = Prometheus::start(PrometheusOptions { scrape, ..PrometheusOptions::default() }).await?;
    let adapter = Adapter::new(config(&prometheus.url()))?;
    Ok((prometheus, adapter))
}

/// Windows for a scrape every second.
pub(crate) fn config(url: &str) -> PrometheusConfig {
    PrometheusConfig {
        rate_window: Duration::from_secs(10),
        stale_after: Duration::from_secs(5),
        ..PrometheusConfig::new(url)
    }
}

pub(crate) fn ask(service: &str, source: Source, pods: &[&str]) -> ServiceQuery {
    ServiceQuery {
        key: ServiceKey::new("shop", service),
        source,
        pods: pods.iter().map(|&pod| pod.to_owned()).collect(),
        quantile: LEVELS[2],
    }
}

/// Observes once a quarter second until the reading satisfies, for two minutes at most.
pub(crate) async fn until(
    adapter: &Adapter,
    query: &ServiceQuery,
    satisfied: impl Fn(&ServiceReadings) -> bool,
) -> anyhow::Result<ServiceReadings> {
    let mut last = None;
    for _ in 0..480 {
        let seen = adapter.observe(std::slice::from_ref(query)).await;
        anyhow::ensure!(seen.failures.is_empty(), "{:?}", seen.failures);
        match seen.services.get(&query.key) {
            Some(readings) if satisfied(readings) => return Ok(*readings),
            other => last = other.copied(),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::bail!("not within two minutes; last seen {last:?}")
}

pub(crate) fn value(reading: Reading) -> f64 {
    reading.at_least().unwrap_or(f64::NAN)
}
