//! Prometheus: a past by backfill, a present by scrape, killed and revived.

use std::fmt::Write as _;
use std::time::Duration;

use test_kit::{Clock, Exporter, Prometheus, PrometheusOptions, ScrapeJob};

#[tokio::test]
async fn four_weeks_of_past_are_there_and_the_present_continues_them() -> anyhow::Result<()> {
    let (end, step) = (Clock::of_machine().now().as_second(), 60);
    let start = end - 28 * 86_400;
    let mut history = "# TYPE requests counter\n".to_owned();
    for (served, at) in (start..end).step_by(step).enumerate() {
        writeln!(history, "requests_total{{job=\"shop\"}} {} {at}", served * 600)?;
    }
    history.push_str("# EOF\n");
    let exporter = Exporter::start("requests_total 25000000\n").await?;
    let job = ScrapeJob {
        job: "shop".into(),
        targets: vec![exporter.address().into()],
        labels: vec![("zone".into(), "a\"b".into())],
    };
    let options = PrometheusOptions { history: Some(history), scrape: vec![job], ..PrometheusOptions::default() };
    let prometheus = Prometheus::start(options).await?;

    let rate = prometheus.value("rate(requests_total{zone=\"\"}[1h] offset 14d)").await?;
    assert!(rate.is_some_and(|rate| (rate - 10.0).abs() < 0.1), "the past grows by ten a second, not {rate:?}");
    let live = "max(requests_total{zone=\"a\\\"b\"})";
    let mut seen = None;
    for _ in 0..600 {
        seen = prometheus.value(live).await?;
        if seen.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen.map(f64::to_bits), Some(25_000_000_f64.to_bits()));

    prometheus.kill().await?;
    assert!(prometheus.query("up").await.is_err(), "a killed server answers");
    prometheus.revive().await?;
    let kept = prometheus.value("count(count_over_time(requests_total{zone=\"\"}[28d]))").await?;
    assert_eq!(kept.map(f64::to_bits), Some(1_f64.to_bits()));
    Ok(())
}

#[tokio::test]
async fn a_bad_query_is_refused_in_the_servers_own_words() -> anyhow::Result<()> {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    assert_eq!(prometheus.value("nothing_is_called_so").await?, None);
    let refused = prometheus.query("sum(").await.expect_err("this is not PromQL").to_string();
    assert!(refused.contains("parse error"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn history_that_is_not_openmetrics_is_refused_by_promtool() {
    let options = PrometheusOptions { history: Some("no end of file".into()), ..PrometheusOptions::default() };
    let refused = Prometheus::start(options).await.expect_err("promtool took it").to_string();
    assert!(refused.contains("create-blocks-from"), "{refused}");
}
