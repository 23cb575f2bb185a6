//! Promises to others: metrics as declared, routes as documented, and each route's door.

use std::collections::BTreeSet;

use shop_metrics::Metric;
use shop_metrics::names::{ALL, BACKLOG, EVENTS, NOTIFYING};
use test_kit::Nats;

use crate::running::{ADMIN, NOWHERE, order, start, tells};
use crate::sink::Sink;

#[tokio::test]
async fn every_route_answers_as_documented_and_opens_to_administrators_alone() -> anyhow::Result<()> {
    let notifications = start(NOWHERE, &[]).await?;
    let document = notifications.client.send("GET", "/openapi.json", &[], None).await?.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/v1/notifications"]);
    let operation = &paths["/v1/notifications"]["get"];
    assert!(operation["security"].to_string().contains("admin"));
    for (query, token, status) in [
        ("", "Bearer wrong", 401),
        ("?order=x", "Bearer wrong", 401),
        ("", ADMIN, 200),
        ("?state=dead&order=01900000-0000-7000-8000-000000000009", ADMIN, 200),
        ("?order=x", ADMIN, 400),
        ("?state=lost", ADMIN, 400),
        ("?customer=1", ADMIN, 400),
        ("?state=dead&state=dead", ADMIN, 400),
    ] {
        let answer = notifications.get(&format!("/v1/notifications{query}"), token).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        assert!(operation["responses"].get(status.to_string()).is_some(), "{status} is not documented");
        assert_eq!(answer.problem().is_some(), status != 200);
    }
    assert_eq!(notifications.client.send("GET", "/v1/notifications", &[], None).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn exports_every_metric_of_its_own_and_none_that_is_not_declared() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(200).await?);
    let notifications = start(&nats.url(), &[&sink.flag()]).await?;
    tells(&nats, 1, "order.created", &order(1)).await?;
    notifications.becomes(1, "delivered").await;
    notifications.shows(r#"shop_notification_attempts_total{outcome="delivered"} 1"#).await;
    notifications.shows("shop_inbox_pending_messages 0.0").await;
    let text = notifications.metrics().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let own: BTreeSet<&str> = BACKLOG.iter().chain(NOTIFYING).map(Metric::registered_name).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).map(Metric::registered_name).chain(own.clone()).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    assert!(own.is_subset(&exported), "{exported:?}");
    Ok(())
}
