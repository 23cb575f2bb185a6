//! A server that is slow, gone, cut off or lying: every reading says Error by the deadline, and why.

use std::time::{Duration, Instant};

use presale_models::Reading;
use presale_prometheus::{Prometheus as Adapter, PrometheusConfig, Source};
use test_kit::{ChaosProxy, Fault, Prometheus, PrometheusOptions};

use crate::shop::ask;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long a broken server can hold the operator is what is measured")]
async fn every_fault_is_an_error_by_the_deadline_and_the_next_tick_works_again() -> anyhow::Result<()> {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    let proxy = ChaosProxy::before(prometheus.url().trim_start_matches("http://")).await?;
    let limit = Duration::from_secs(3);
    let config = PrometheusConfig { timeout: limit, ..PrometheusConfig::new(format!("http://{}", proxy.address())) };
    let adapter = Adapter::new(config)?;
    let preset = ask("catalog", Source::OpenTelemetry, &["catalog-a"]);
    let own = Source::Custom { query: "vector(1)".into(), errors_query: None, latency_query: None };
    let own = ask("cart", own, &[]);
    let asked = [preset, own];
    for (fault, reasons) in [
        (Fault::Delay(Duration::from_secs(30)), ["deadline"].as_slice()),
        (Fault::HalfOpen, &["deadline"]),
        (Fault::Cut, &["connection"]),
        (Fault::Status(503), &["status"]),
        (Fault::Status(429), &["status"]),
        (Fault::Truncate(20), &["connection", "malformed"]),
    ] {
        proxy.set(fault);
        let before = Instant::now();
        let seen = adapter.observe(&asked).await;
        assert!(before.elapsed() < limit * 3, "{fault:?} took {:?}", before.elapsed());
        for (service, readings) in &seen.services {
            assert_eq!(readings.load, Reading::Error, "{fault:?} {service}");
        }
        assert_eq!(seen.services.len(), 2);
        for failure in &seen.failures {
            assert!(reasons.contains(&failure.reason()) && failure.is_retryable(), "{fault:?}: {failure:?}");
        }
        assert!(!seen.failures.is_empty(), "{fault:?}");

        proxy.set(Fault::None);
        let seen = adapter.observe(&asked).await;
        assert_eq!(seen.services[&asked[0].key].load, Reading::Empty, "{fault:?}: {:?}", seen.failures);
        assert_eq!(seen.services[&asked[1].key].load.state(), "Fresh", "{fault:?}: {:?}", seen.failures);
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_longer_than_allowed_is_not_read_to_its_end() -> anyhow::Result<()> {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    let config = PrometheusConfig { max_response: 2_000, ..PrometheusConfig::new(prometheus.url()) };
    let adapter = Adapter::new(config)?;
    adapter.check().await?;
    let long = format!("label_replace(vector(1), \"x\", \"{}\", \"\", \"\")", "y".repeat(3_000));
    let query = ask("cart", Source::Custom { query: long, errors_query: None, latency_query: None }, &[]);
    let seen = adapter.observe(std::slice::from_ref(&query)).await;
    assert_eq!(seen.services[&query.key].load, Reading::Error);
    assert_eq!(seen.failures.iter().map(presale_prometheus::QueryError::reason).collect::<Vec<_>>(), ["too_large"]);
    Ok(())
}
