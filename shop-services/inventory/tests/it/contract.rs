//! Promises to others: metrics as declared, routes as documented, and each route's door.

use std::collections::BTreeSet;

use serde_json::Value;
use shop_metrics::Metric;
use shop_metrics::names::{ALL, EVENTS, STOCK};

use crate::running::{ADMIN, Inventory, NOTIFICATIONS, ORDERS, start, until};

/// Routes that anyone may read.
const PUBLIC: &[&str] = &["get /v1/stock"];

async fn operations(inventory: &Inventory) -> Vec<(String, String, Value)> {
    let document = inventory.client.send("GET", "/openapi.json", &[], None).await.unwrap().json();
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
    path.replace("{id}", "01900000-0000-7000-8000-000000000009").replace("{sku}", "LAMP")
}

#[tokio::test]
async fn every_documented_route_lives_and_answers_as_documented() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    let operations = operations(&inventory).await;
    assert_eq!(operations.len(), 5);
    for (method, path, operation) in operations {
        for token in [NOTIFICATIONS, ORDERS, ADMIN] {
            let headers = [("authorization", token)];
            let answer = inventory.client.send(&method.to_uppercase(), &concrete(&path), &headers, None).await?;
            let status = answer.status.to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} answered {status}");
            assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_route_is_public_by_name_or_closed_to_all_but_its_callers() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    for (method, path, operation) in operations(&inventory).await {
        let name = format!("{method} {path}");
        let with = async |token: Option<&str>| {
            let headers: Vec<_> = token.map(|t| ("authorization", t)).into_iter().collect();
            inventory.client.send(&method.to_uppercase(), &concrete(&path), &headers, None).await.unwrap().status
        };
        let schemes = operation["security"].to_string();
        if schemes.contains("admin") {
            for token in [None, Some("Bearer wrong"), Some(ORDERS)] {
                assert_eq!(with(token).await, 401, "{name} with {token:?}");
            }
            assert_eq!(with(Some(ADMIN)).await, 400, "{name} asks for a key next");
        } else if schemes.contains("service") {
            for token in [None, Some("Bearer wrong"), Some(ADMIN)] {
                assert_eq!(with(token).await, 401, "{name} with {token:?}");
            }
            assert_eq!(with(Some(NOTIFICATIONS)).await, 403, "{name}");
            assert_eq!(with(Some(ORDERS)).await, 400, "{name} asks for a key next");
        } else {
            assert!(PUBLIC.contains(&name.as_str()), "{name} has no row: who may call it?");
        }
    }
    Ok(())
}

#[tokio::test]
async fn exports_no_metric_that_is_not_declared_and_its_own() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    inventory.adjust("LAMP", "in", 1).await;
    inventory.reserve(1, "k", 1, &[("LAMP", 1)]).await;
    inventory.reserve(2, "l", 1, &[("LAMP", 1)]).await;
    let exposition = async || inventory.admin.send("GET", "/metrics", &[], None).await.unwrap().text();
    for line in
        [r#"shop_reservations{state="held"} 1"#, "shop_stock_rejections_total 1", "shop_outbox_unpublished_messages 2"]
    {
        until(line, async || exposition().await.contains(line)).await;
    }
    let text = exposition().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).chain(STOCK).map(Metric::registered_name).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    Ok(())
}
