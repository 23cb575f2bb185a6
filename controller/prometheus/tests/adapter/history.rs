//! The past as a series: an even grid, longer than one query may be, with its gap.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use presale_models::Sample;
use presale_prometheus::{Measure, Prometheus as Adapter, QueryError, Source};
use test_kit::{Prometheus, PrometheusOptions};

use crate::shop::{ask, config};
use crate::states::seconds;

#[tokio::test]
async fn a_long_past_comes_in_chunks_and_its_gap_is_missing() -> anyhow::Result<()> {
    let minutes: i64 = 12_500; // more than the 11,000 points of one query
    let end = i64::try_from(seconds()?)? / 60 * 60;
    let start = end - minutes * 60;
    let gap = 11_500..11_600;
    let mut text = "# TYPE shop_requests_offered counter\n".to_owned();
    let mut total = 0;
    for minute in 0..=minutes {
        total += if minute <= 6_000 { 600 } else { 1_200 }; // 10, then 20 requests a second
        if !gap.contains(&minute) {
            let labels = "namespace=\"shop\",service=\"catalog\",pod=\"past\",route=\"/\"";
            writeln!(text, "shop_requests_offered_total{{{labels}}} {total} {}", start + minute * 60)?;
        }
    }
    text.push_str("# EOF\n");
    let options = PrometheusOptions { history: Some(text), ..PrometheusOptions::default() };
    let prometheus = Prometheus::start(options).await?;
    let adapter = Adapter::new(config(&prometheus.url()))?;
    let query = ask("catalog", Source::OpenTelemetry, &[]);
    let time = Timestamp::from_second;
    let range = (time(start)?, time(end)?);

    let five = SignedDuration::from_mins(5);
    let coarse = adapter.history(&query, Measure::Load, range, five).await?;
    assert_eq!((coarse.start(), coarse.step(), coarse.len()), (range.0, five, 2_500));
    let at = |minute: i64| anyhow::Ok(coarse.at(time(start + minute * 60)?));
    for (minute, expected) in [(500, 10.0), (5_900, 10.0), (6_100, 20.0), (12_000, 20.0)] {
        let Sample::Value(value) = at(minute)? else { panic!("nothing at minute {minute}") };
        assert!((value - expected).abs() < 0.1, "{value} at minute {minute}");
    }
    assert_eq!(at(11_550)?, Sample::Missing);

    // Rates of a minute need the window of two scrapes: what the deployment's configuration says.
    let wide = presale_prometheus::PrometheusConfig {
        rate_window: std::time::Duration::from_mins(2),
        ..config(&prometheus.url())
    };
    let minutes = Adapter::new(wide)?.history(&query, Measure::Load, range, SignedDuration::from_mins(1)).await?;
    assert_eq!(minutes.len(), 12_500);
    let observed = minutes.samples().iter().filter(|sample| sample.value().is_some()).count();
    assert!((12_390..=12_400).contains(&observed), "{observed} of 12,500 minutes, 100 of them missing");
    let errors = adapter.history(&query, Measure::Errors, range, five).await?;
    assert_eq!(errors.at(time(start + 600 * 60)?), Sample::Value(0.0), "requests without failures");
    assert_eq!(errors.at(time(start + 11_550 * 60)?), Sample::Missing);
    let cpu = adapter.history(&query, Measure::Cpu, range, five).await?;
    assert!(cpu.samples().iter().all(|sample| *sample == Sample::Missing));
    Ok(())
}

#[tokio::test]
async fn a_range_that_cannot_be_is_refused_before_anything_is_asked() -> anyhow::Result<()> {
    let adapter = Adapter::new(config("http://127.0.0.1:1"))?;
    let query = ask("catalog", Source::OpenTelemetry, &[]);
    let (zero, hour) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(3_600)?);
    let minute = SignedDuration::from_mins(1);
    for (range, step) in
        [((hour, zero), minute), ((zero, hour), SignedDuration::ZERO), ((zero, Timestamp::MAX), minute)]
    {
        let refused = adapter.history(&query, Measure::Load, range, step).await.expect_err("asked");
        assert!(matches!(refused, QueryError::Range { .. }) && !refused.is_retryable(), "{refused}");
    }
    Ok(())
}
