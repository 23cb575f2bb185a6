//! A queue on a real server: what waits and what arrives make the work, and either may go missing.

use jiff::SignedDuration;
use presale_models::{Reading, Sample};
use presale_prometheus::{Measure, ServiceQuery, Source};
use std::time::Duration;

use crate::shop::{Growing, ask, pod, scraping, until, value};
use crate::states::seconds;

/// What a worker and a publisher of the shop export: 300 messages wait, 40 more arrive each second.
fn worker() -> &'static str {
    "# TYPE shop_inbox_pending_messages gauge\nshop_inbox_pending_messages 300\n"
}

fn publisher(sent: u64) -> String {
    let name = "messaging_client_sent_messages_total";
    format!("# TYPE {name} counter\n{name}{{messaging_operation_name=\"order.created\"}} {sent}\n")
}

fn queue(waiting: &str, arrivals: &str) -> ServiceQuery {
    let source = Source::Backlog {
        waiting: waiting.into(),
        arrivals: arrivals.into(),
        clear_within: Duration::from_secs(10),
        errors_query: Some("label_replace(vector(4), \"pod\", \"notifications-a\", \"\", \"\")".into()),
        latency_query: None,
    };
    ask("notifications", source, &["notifications-a"])
}

#[tokio::test]
async fn a_queues_work_is_what_arrives_and_what_waits_and_half_of_it_is_a_lower_bound() -> anyhow::Result<()> {
    let (waiting, arrivals) =
        ("max(shop_inbox_pending_messages)", "sum(rate(messaging_client_sent_messages_total[10s]))");
    let notifications = Growing::start(|_| worker().to_owned()).await?;
    let orders = Growing::start(|q| publisher(q * 10)).await?;
    let (_prometheus, adapter) =
        scraping(vec![pod(&notifications, "notifications", "notifications-a"), pod(&orders, "orders", "orders-a")])
            .await?;
    let whole = queue(waiting, arrivals);
    let seen = until(&adapter, &whole, |seen| seen.demand.complete().is_some_and(|rate| rate > 30.0)).await?;
    assert_eq!(seen.load.state(), "Fresh", "{seen:?}");
    assert!((value(seen.load) - value(seen.demand) - 30.0).abs() < 1e-9, "300 within 10 s: {seen:?}");
    assert!((value(seen.error_ratio) - 4.0 / value(seen.demand)).abs() < 1e-9, "{seen:?}");

    // Nobody tells what waits, or what arrives: what is left is at least there.
    let seen = until(&adapter, &queue("nothing_is_called_so", arrivals), |seen| value(seen.load) > 30.0).await?;
    assert!(matches!(seen.load, Reading::Partial { .. }) && seen.demand.complete().is_some(), "{seen:?}");
    let seen = until(&adapter, &queue(waiting, "nothing_is_called_so"), |seen| value(seen.load) > 0.0).await?;
    assert!(matches!(seen.load, Reading::Partial { value: 30.0, .. }) && seen.demand == Reading::Empty, "{seen:?}");
    let broken = queue("sum(", arrivals);
    let seen = adapter.observe(std::slice::from_ref(&broken)).await;
    assert_eq!((seen.failures.len(), seen.services[&broken.key].load.state()), (1, "Partial"));

    // The past is of what arrives: how long a queue was depends on who worked on it.
    let end = jiff::Timestamp::from_second(i64::try_from(seconds()?)?)?;
    let range = (end - SignedDuration::from_secs(4), end);
    let past = adapter.history(&whole, Measure::Load, range, SignedDuration::from_secs(1)).await?;
    assert!(past.samples().iter().any(|s| matches!(s, Sample::Value(rate) if (20.0..50.0).contains(rate))), "{past:?}");

    // All go silent: unknown, and neither zero nor a bound.
    drop((notifications, orders));
    let seen = until(&adapter, &whole, |seen| seen.load.at_least().is_none()).await?;
    assert!(seen.load.complete().is_none(), "{seen:?}");
    Ok(())
}
