//! Promises to others: metrics as declared, routes as documented, and each route's door.

use std::collections::BTreeSet;

use serde_json::Value;
use shop_metrics::Metric;
use shop_metrics::names::{ALL, EVENTS};
use test_kit::Nats;

use crate::events::{applied, tells};
use crate::running::{ADMIN, CART, NOTIFICATIONS, ORDERS, PRESALE, Pricing, start, start_on};

/// Routes that anyone may read.
const PUBLIC: &[&str] =
    &["get /.well-known/jwks.json", "get /v1/prices", "get /v1/promotions", "get /v1/promotions/{id}"];

async fn operations(pricing: &Pricing) -> Vec<(String, String, Value)> {
    let document = pricing.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    operations
}

fn concrete(path: &str) -> String {
    path.replace("{id}", "01900000-0000-7000-8000-000000000009").replace("{code}", "NO-SUCH")
}

#[tokio::test]
async fn every_documented_route_lives_and_answers_as_documented() -> anyhow::Result<()> {
    let pricing = start().await?;
    let operations = operations(&pricing).await;
    assert_eq!(operations.len(), 15);
    for (method, path, operation) in operations {
        let answer = pricing.client.send(&method.to_uppercase(), &concrete(&path), &[], None).await?;
        let status = answer.status.to_string();
        let documented = operation["responses"].get(&status).is_some();
        assert!(documented, "{method} {path} answered {status}");
        assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
    }
    Ok(())
}

#[tokio::test]
async fn every_route_is_public_by_name_or_closed_to_all_but_its_callers() -> anyhow::Result<()> {
    let pricing = start().await?;
    for (method, path, operation) in operations(&pricing).await {
        let name = format!("{method} {path}");
        let method = method.to_uppercase();
        let with = async |token: Option<&str>| {
            let headers: Vec<_> = token.map(|t| ("authorization", t)).into_iter().collect();
            pricing.client.send(&method, &concrete(&path), &headers, None).await.unwrap().status
        };
        let schemes = operation["security"].to_string();
        if schemes.contains("admin") {
            for token in [None, Some("Bearer wrong"), Some(ORDERS), Some(CART), Some(PRESALE)] {
                assert_eq!(with(token).await, 401, "{name} with {token:?}");
            }
            assert_ne!(with(Some(ADMIN)).await, 401, "{name}");
        } else if schemes.contains("service") {
            for token in [None, Some("Bearer wrong"), Some(ADMIN)] {
                assert_eq!(with(token).await, 401, "{name} with {token:?}");
            }
            assert_eq!(with(Some(NOTIFICATIONS)).await, 403, "{name}");
        } else {
            assert!(PUBLIC.contains(&name.as_str()), "{name} has no row: who may call it?");
        }
    }
    for (path, token) in [("/v1/redemptions", CART), ("/v1/events/upcoming", ORDERS), ("/v1/quotes", PRESALE)] {
        let method = if path == "/v1/events/upcoming" { "GET" } else { "POST" };
        assert_eq!(pricing.send(method, path, token, &Value::Null).await.status, 403, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn exports_every_declared_metric_and_no_other() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let pricing = start_on(&nats).await?;
    pricing.sells(&[("LAMP", 1)]).await;
    let token = pricing.quote("LAMP", None).await.json()["token"].clone();
    let order = "01900000-0000-7000-8000-000000000001";
    assert_eq!(pricing.redeem("k", order, &token).await.status, 200);
    tells(&nats, 1, "order.confirmed", order).await?;
    applied(&pricing, "order.confirmed", 1).await;
    let exposition = pricing.admin.send("GET", "/metrics", &[], None).await?.text();
    let exported: BTreeSet<&str> =
        exposition.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).map(Metric::registered_name).collect();
    // The drain's duration is shown while the service drains.
    let absent: Vec<_> = declared.difference(&exported).copied().collect();
    assert_eq!(absent, ["shop_drain_duration_seconds"]);
    assert!(exported.is_subset(&declared), "{exported:?}");
    Ok(())
}
