//! Promises to others: metrics as declared, routes as documented, and each route's door.

use std::collections::BTreeSet;

use serde_json::Value;
use shop_metrics::Metric;
use shop_metrics::names::{ALL, CALLING, EVENTS, PAYING};

use crate::running::{CART, ORDERS, Payments, start, until};

/// Routes without a token: the notice's signature is asked for instead.
const PUBLIC: &[&str] = &["post /v1/webhooks/psp"];

async fn operations(payments: &Payments) -> Vec<(String, String, Value)> {
    let document = payments.client.send("GET", "/openapi.json", &[], None).await.unwrap().json();
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
    path.replace("{id}", "01900000-0000-7000-8000-000000000009")
}

#[tokio::test]
async fn every_documented_route_lives_and_answers_as_documented() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let operations = operations(&payments).await;
    assert_eq!(operations.len(), 6);
    for (method, path, operation) in operations {
        for token in [CART, ORDERS] {
            let headers = [("authorization", token)];
            let answer = payments.client.send(&method.to_uppercase(), &concrete(&path), &headers, None).await?;
            let status = answer.status.to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} answered {status}");
            assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_route_is_public_by_name_or_closed_to_all_but_its_callers() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    for (method, path, operation) in operations(&payments).await {
        let name = format!("{method} {path}");
        let with = async |token: Option<&str>| {
            let headers: Vec<_> = token.map(|t| ("authorization", t)).into_iter().collect();
            payments.client.send(&method.to_uppercase(), &concrete(&path), &headers, None).await.unwrap().status
        };
        let schemes = operation["security"].to_string();
        if schemes.contains("service") {
            for token in [None, Some("Bearer wrong")] {
                assert_eq!(with(token).await, 401, "{name} with {token:?}");
            }
            assert_eq!(with(Some(CART)).await, 403, "{name}");
            let next = if method == "get" { 404 } else { 400 };
            assert_eq!(with(Some(ORDERS)).await, next, "{name} asks for a key next");
        } else {
            assert!(PUBLIC.contains(&name.as_str()), "{name} has no row: who may call it?");
        }
    }
    Ok(())
}

#[tokio::test]
async fn exports_no_metric_that_is_not_declared_and_its_own() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    payments.authorized(1, 900).await;
    let exposition = async || payments.admin.send("GET", "/metrics", &[], None).await.unwrap().text();
    for line in [
        r#"shop_payments_total{operation="authorize",outcome="succeeded"} 1"#,
        r#"http_client_request_duration_seconds_count{server="psp",http_response_status_code="200"} 1"#,
        r#"shop_idempotency_total{outcome="executed"} 1"#,
    ] {
        until(line, async || exposition().await.contains(line)).await;
    }
    let text = exposition().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> =
        ALL.iter().chain(EVENTS).chain(CALLING).chain(PAYING).map(Metric::registered_name).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    Ok(())
}
