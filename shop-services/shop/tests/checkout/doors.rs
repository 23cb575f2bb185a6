//! Promises to others: routes as documented, each route's door, tokens, other people's orders, metrics as declared.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shop_metrics::Metric;
use shop_metrics::names::{ALL, CALLING, EVENTS, ORDERING};

use crate::floor::{ADMIN, Service, refusal, until};
use crate::stage::Stage;

async fn operations(orders: &Service) -> Vec<(String, String, Value)> {
    let document = orders.client.send("GET", "/openapi.json", &[], None).await.unwrap().json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{id}", "01900000-0000-7000-8000-000000000009");
            operations.push((method.to_uppercase(), path, operation.clone()));
        }
    }
    operations
}

#[tokio::test]
async fn every_route_answers_as_documented_and_opens_to_its_callers_alone() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let operations = operations(&orders).await;
    assert_eq!(operations.len(), 8);
    let far = 4_000_000_000;
    let strangers = [
        "Bearer wrong".to_owned(),
        "Bearer orders-token".to_owned(),
        stage.token(1, ("someone", "shop", 0, far)),
        stage.token(1, ("accounts", "elsewhere", 0, far)),
        stage.token(1, ("accounts", "shop", 0, 1_700_000_000)),
        stage.token(1, ("accounts", "shop", far - 1, far)),
        anna.replace("eyJ", "eyK"),
        format!("Bearer {}", stage.quote(1, None).await),
    ];
    for (method, path, operation) in operations {
        let with = async |token: &str| {
            let answer = orders.send(&method, &path, token, None, None).await;
            let documented = operation["responses"].get(answer.status.to_string()).is_some();
            assert!(documented, "{method} {path} answered {}", answer.status);
            assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
            answer.status
        };
        let schemes = operation["security"].to_string();
        let (mine, other) = match (schemes.contains("user"), schemes.contains("admin")) {
            (true, false) => (anna.as_str(), ADMIN),
            (false, true) => (ADMIN, anna.as_str()),
            _ => panic!("{method} {path} has no row: who may call it?"),
        };
        for stranger in strangers.iter().map(String::as_str).chain([other]) {
            assert_eq!(with(stranger).await, 401, "{method} {path} with {stranger}");
        }
        assert_eq!(orders.client.send(&method, &path, &[], None).await?.status, 401, "{method} {path}");
        assert_ne!(with(mine).await, 401, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_sees_or_changes_what_another_customer_ordered() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, anna, berta) = (stage.orders(&[]).await?, stage.customer(1), stage.customer(2));
    let quote = stage.quote(1, None).await;
    let mut paths = Vec::new();
    for key in ["k1", "k2", "k3"] {
        paths.push(orders.placed(&anna, key, &quote).await);
    }
    let hers = orders.placed(&berta, "k1", &quote).await;
    assert!(!paths.contains(&hers), "a key is one customer's own");
    for path in &paths {
        assert_eq!(refusal(&orders.send("GET", path, &berta, None, None).await, 404), "order-not-found");
        let cancel = orders.send("POST", &format!("{path}/cancel"), &berta, Some("c"), None).await;
        assert_eq!(refusal(&cancel, 404), "order-not-found");
        orders.becomes(path, &anna, "confirmed").await;
    }
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|o| format!("/v1/orders/{}", o["id"].as_str().unwrap())).collect()
    };
    assert_eq!(ids(&orders.look("/v1/orders", &berta).await), [hers]);
    let first = orders.look("/v1/orders?limit=2", &anna).await;
    let next = format!("/v1/orders?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = orders.look(&next, &anna).await;
    let (mut listed, mut expected) = ([ids(&first), ids(&second)].concat(), paths);
    listed.sort();
    expected.sort();
    assert_eq!((listed, second.get("next_cursor")), (expected, None));
    for bad in ["limit=0", "limit=101", "cursor=x", "cursor=é", "user=1"] {
        assert_eq!(orders.send("GET", &format!("/v1/orders?{bad}"), &anna, None, None).await.status, 400, "{bad}");
    }
    Ok(())
}

#[tokio::test]
async fn bad_input_is_a_client_error_and_writes_nothing() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let quote = stage.quote(1, None).await;
    let huge = "x".repeat(60_001);
    let mut bodies = vec![String::new(), "{".into(), "null".into(), "[]".into(), "{}".into(), "[".repeat(20_000)];
    for method in ["", " ", "töken", "tok\\u0000", &"x".repeat(101), "4111 1111 1111 1111"] {
        bodies.push(format!(r#"{{"quote":"{quote}","payment_method":"{method}"}}"#));
    }
    bodies.push(format!(r#"{{"quote":"{huge}","payment_method":"tok_ok"}}"#));
    bodies.push(format!(r#"{{"quote":"{quote}","quote":"{quote}","payment_method":"tok_ok"}}"#));
    bodies.push(json!({"quote": quote, "payment_method": "tok_ok", "state": "confirmed"}).to_string());
    bodies.push(json!({"quote": quote, "payment_method": "tok_ok", "customer_id": "x"}).to_string());
    let headers = [("authorization", anna.as_str()), ("idempotency-key", "k")];
    for body in bodies {
        let answer = orders.client.send("POST", "/v1/orders", &headers, Some(&body)).await?;
        assert!((400..500).contains(&answer.status) && answer.problem().is_some(), "{body}: {}", answer.text());
    }
    assert_eq!(orders.count("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM outbox)").await, 0);
    Ok(())
}

#[tokio::test]
async fn exports_every_declared_metric_and_no_other() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    for line in [
        r#"shop_orders_total{state="created"} 1"#,
        r#"shop_orders_total{state="confirmed"} 1"#,
        r#"shop_saga_step_duration_seconds_count{step="capture",outcome="done"} 1"#,
        r#"shop_sagas_inflight{state="overdue"} 0"#,
        r#"http_client_request_duration_seconds_count{server="inventory",http_response_status_code="201"} 1"#,
        r#"consumed_messages_total{messaging_operation_name="payment.captured",outcome="applied"} 1"#,
    ] {
        until(line, async || orders.metrics().await.contains(line)).await;
    }
    let text = orders.metrics().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared = ALL.iter().chain(EVENTS).chain(CALLING).chain(ORDERING);
    let declared: BTreeSet<&str> = declared.map(Metric::registered_name).collect();
    // The drain's duration is shown while the service drains.
    let absent: Vec<_> = declared.difference(&exported).copied().collect();
    assert_eq!(absent, ["shop_drain_duration_seconds"]);
    assert!(exported.is_subset(&declared), "{exported:?}");
    Ok(())
}
