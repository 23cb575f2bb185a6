//! Every state that a reading can be in, brought about on a real server.

use std::fmt::Write;

use presale_models::Reading;
use presale_prometheus::{Prometheus as Adapter, Source};
use test_kit::{Prometheus, PrometheusOptions};

use crate::shop::{Growing, ask, config, pod, scraping, until, value};

fn offered(requests: u64) -> String {
    format!("# TYPE shop_requests_offered_total counter\nshop_requests_offered_total{{route=\"/\"}} {requests}\n")
}

#[tokio::test]
async fn a_live_load_is_fresh_then_partial_then_stale_as_its_targets_go() -> anyhow::Result<()> {
    let first = Growing::start(|q| offered(q * 10)).await?;
    let second = Growing::start(|q| offered(q * 10)).await?;
    let (_prometheus, adapter) =
        scraping(vec![pod(&first, "catalog", "catalog-a"), pod(&second, "catalog", "catalog-b")]).await?;
    let query = ask("catalog", Source::OpenTelemetry, &["catalog-a", "catalog-b"]);
    until(&adapter, &query, |seen| matches!(seen.load, Reading::Fresh { .. })).await?;

    let more = ask("catalog", Source::OpenTelemetry, &["catalog-a", "catalog-b", "catalog-c", "catalog-d"]);
    let seen = until(&adapter, &more, |seen| value(seen.load) > 0.0).await?;
    assert!(matches!(seen.load, Reading::Partial { share, .. } if (share - 0.5).abs() < 1e-9), "{seen:?}");

    drop(second);
    let seen = until(&adapter, &query, |seen| matches!(seen.load, Reading::Partial { .. })).await?;
    assert!(seen.load.complete().is_none() && seen.load.at_least().is_some());
    drop(first);
    let seen = until(&adapter, &query, |seen| matches!(seen.load, Reading::Stale { .. })).await?;
    assert!(seen.load.at_least().is_none(), "{seen:?}");
    until(&adapter, &query, |seen| seen.load == Reading::Empty).await?; // the window has moved on: unknown, not zero
    Ok(())
}

#[tokio::test]
async fn no_demand_is_zero_and_no_series_is_empty() -> anyhow::Result<()> {
    let idle = Growing::start(|_| offered(7)).await?;
    let (_prometheus, adapter) = scraping(vec![pod(&idle, "catalog", "catalog-a")]).await?;
    let query = ask("catalog", Source::OpenTelemetry, &["catalog-a"]);
    let seen = until(&adapter, &query, |seen| matches!(seen.load, Reading::Zero { .. })).await?;
    assert_eq!(seen.error_ratio, Reading::NotANumber, "no share of no requests");
    let unknown = ask("nobody", Source::OpenTelemetry, &["nobody-a"]);
    let seen = adapter.observe(&[query.clone(), unknown.clone()]).await;
    assert_eq!(seen.services[&unknown.key].load, Reading::Empty);
    assert_eq!(seen.services[&query.key].load.state(), "Zero", "one service's silence is not another's");
    Ok(())
}

#[tokio::test]
async fn series_that_arrive_no_more_without_a_word_are_stale_with_their_last_value() -> anyhow::Result<()> {
    // As after a remote write that stopped: samples until two minutes ago, no marker at their end.
    let now = seconds()?;
    let mut history = "# TYPE shop_requests_offered counter\n".to_owned();
    for (i, at) in (now - 400..now - 120).step_by(2).enumerate() {
        let labels = "namespace=\"shop\",service=\"catalog\",pod=\"catalog-a\",route=\"/\"";
        writeln!(history, "shop_requests_offered_total{{{labels}}} {} {at}", i * 20)?;
    }
    history.push_str("# EOF\n");
    let options = PrometheusOptions { history: Some(history), ..PrometheusOptions::default() };
    let prometheus = Prometheus::start(options).await?;
    let adapter = Adapter::new(config(&prometheus.url()))?;
    let query = ask("catalog", Source::OpenTelemetry, &["catalog-a"]);
    let seen = adapter.observe(std::slice::from_ref(&query)).await;
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    let Reading::Stale { value, at } = seen.services[&query.key].load else {
        panic!("{:?}", seen.services[&query.key]);
    };
    assert!((8.0..12.0).contains(&value), "{value}");
    assert!((118..=124).contains(&(i64::try_from(now)? - at.as_second())), "{at}");
    Ok(())
}

#[tokio::test]
async fn queries_of_ones_own_are_classified_the_same() -> anyhow::Result<()> {
    let target = Growing::start(|q| offered(q * 10)).await?;
    let (_prometheus, adapter) = scraping(vec![pod(&target, "catalog", "catalog-a")]).await?;
    let own = |query: &str, pods: &[&str]| {
        let source = Source::Custom { query: query.into(), errors_query: None, latency_query: None };
        ask("catalog", source, pods)
    };
    let rate = "sum(rate(shop_requests_offered_total[10s]))";
    let seen = until(&adapter, &own(rate, &["catalog-a"]), |seen| value(seen.load) > 25.0).await?;
    assert_eq!((seen.load.state(), seen.error_ratio, seen.latency), ("Fresh", Reading::Empty, Reading::Empty));
    for (query, state, failures) in [
        ("vector(0)", "Zero", 0),
        ("vector(0) / 0", "NaN", 0),
        ("-1", "NaN", 0),
        ("nothing_is_called_so", "Empty", 0),
        ("{__name__=~\"shop_requests_offered_total|up\"}", "Error", 1),
        ("sum(", "Error", 1),
    ] {
        let query = own(query, &["catalog-a"]);
        let seen = adapter.observe(std::slice::from_ref(&query)).await;
        assert_eq!(seen.services[&query.key].load.state(), state, "{query:?}");
        assert_eq!(seen.failures.len(), failures, "{:?}", seen.failures);
    }
    let partial = own(rate, &["catalog-a", "catalog-b"]);
    until(&adapter, &partial, |seen| matches!(seen.load, Reading::Partial { .. })).await?;

    let errors = Source::Custom {
        query: "vector(8)".into(),
        errors_query: Some("label_replace(vector(1), \"pod\", \"catalog-a\", \"\", \"\")".into()),
        latency_query: Some("vector(0.2)".into()),
    };
    let query = ask("catalog", errors, &["catalog-a"]);
    let seen = until(&adapter, &query, |seen| value(seen.load) > 0.0).await?;
    assert!((value(seen.error_ratio) - 0.125).abs() < 1e-9 && (value(seen.latency) - 0.2).abs() < 1e-9, "{seen:?}");
    let pods = adapter.observe_pods(std::slice::from_ref(&query)).await;
    assert!((value(pods.services[&query.key]["catalog-a"].errors) - 1.0).abs() < 1e-9, "{pods:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the past ends where the real Prometheus's present begins")]
pub(crate) fn seconds() -> anyhow::Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(now.as_secs())
}
