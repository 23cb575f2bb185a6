//! Promises to others: routes as documented, each route's door, bad input, metrics as declared, every statement run.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shop_metrics::Metric;
use shop_metrics::names::{ACCOUNTING, ALL, EVENTS};
use test_kit::{Nats, Postgres};

use crate::running::{Accounts, PASSWORD, Time, start, start_on, until};

/// Routes without a token: they are what tokens come from.
const PUBLIC: &[&str] =
    &["POST /v1/accounts", "POST /v1/auth/token", "POST /v1/auth/revoke", "GET /.well-known/jwks.json"];

async fn operations(accounts: &Accounts) -> Vec<(String, String, Value)> {
    let document = accounts.send("GET", "/openapi.json", &[], None).await.json();
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
    let accounts = start(&["--attempts-per-address=100000"]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let service = json!({"grant_type": "client_credentials", "client_id": "orders", "client_secret": "orders-secret"});
    let service = accounts.ask(&service).await.json()["access_token"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = anna.bearer.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt","kid":"x"}"#);
    let strangers = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer wrong".to_owned(),
        "Bearer orders-secret".to_owned(),
        format!("Bearer {service}"),
        format!("Bearer {}", anna.refresh),
        format!("Basic {}", anna.bearer.trim_start_matches("Bearer ")),
        format!("Bearer {none}.{}.", parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        anna.bearer.replace("eyJ", "eyK"),
    ];
    let operations = operations(&accounts).await;
    assert_eq!(operations.len(), 13);
    for (method, path, operation) in operations {
        let with = async |bearer: &str, body: Option<&Value>| {
            let mut headers = vec![("idempotency-key", "k")];
            headers.extend((!bearer.is_empty()).then_some(("authorization", bearer)));
            let answer = accounts.send(&method, &path, &headers, body).await;
            let documented = operation["responses"].get(answer.status.to_string()).is_some();
            assert!(documented, "{method} {path} answered {}: {}", answer.status, answer.text());
            assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
            answer.status
        };
        let public = PUBLIC.contains(&format!("{method} {path}").as_str());
        assert_eq!(operation.get("security").is_none(), public, "{method} {path} has no row: who may call it?");
        for stranger in &strangers {
            for body in [None, Some(&json!({}))] {
                assert_eq!(with(stranger, body).await == 401, !public, "{method} {path} with {stranger}");
            }
        }
        for body in [None, Some(&json!({}))] {
            assert_ne!(with(&anna.bearer, body).await, 401, "{method} {path}");
        }
    }
    assert_eq!(accounts.read(&anna, "/v1/accounts/me").await.status, 200, "nothing was done to her");
    Ok(())
}

/// Bodies that no route takes.
fn bad() -> Vec<String> {
    let mut bodies: Vec<String> = ["", "{", "null", "[]", "{}", "1e400", "\"\"", "{\"a\":1}"].map(str::to_owned).into();
    bodies.extend(["[".repeat(20_000), format!("{{\"email\":\"{}\"}}", "x".repeat(60_001))]);
    bodies
}

/// `good` with one field each as it must not be.
fn spoiled(good: &Value, spoils: Vec<(&str, Value)>) -> Vec<String> {
    let spoil = |(field, value): (&str, Value)| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    bad().into_iter().chain(spoils.into_iter().map(spoil)).collect()
}

/// Accounts that nobody may open.
fn odd_accounts(id: &str) -> Vec<String> {
    let good = json!({"email": "b@example.com", "name": "B", "password": PASSWORD});
    let mut bodies = spoiled(
        &good,
        vec![
            ("email", json!("")),
            ("email", json!("b")),
            ("email", json!("b@example.com\u{0}")),
            ("email", json!(7)),
            ("email", json!("b@bücher.example")),
            ("email", json!("b\r\nBcc: c@example.com")),
            ("email", json!({})),
            ("name", json!("")),
            ("name", json!(" ")),
            ("name", json!("a\u{0}")),
            ("name", json!("x".repeat(101))),
            ("password", json!("short")),
            ("password", json!("x".repeat(129))),
            ("password", json!(1_234_567_890)),
            ("role", json!("admin")),
            ("id", json!(id)),
            ("email_verified", json!(true)),
        ],
    );
    bodies
        .push(r#"{"email":"b@example.com","email":"c@example.com","name":"B","password":"long enough, that"}"#.into());
    bodies
}

/// Addresses that nobody lives at.
fn odd_addresses(id: &str) -> Vec<String> {
    spoiled(
        &json!({"recipient": "A", "line1": "B", "postal_code": "C", "city": "D", "country": "DE"}),
        vec![
            ("recipient", json!("")),
            ("line1", json!("x".repeat(201))),
            ("line2", json!("")),
            ("line2", json!("\u{1b}[2J")),
            ("postal_code", json!(10_115)),
            ("city", json!(null)),
            ("country", json!("de")),
            ("country", json!("DEU")),
            ("country", json!("ÄÖ")),
            ("account_id", json!(id)),
            ("id", json!(id)),
        ],
    )
}

#[tokio::test]
async fn bad_input_is_a_client_error_and_writes_nothing() -> anyhow::Result<()> {
    let accounts = start(&["--attempts-per-address=100000"]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let before = accounts.everything().await;
    let (opening, addressing) = (odd_accounts(&anna.id), odd_addresses(&anna.id));
    let mut asking = bad();
    asking.extend([
        r#"{"grant_type":"password","email":"a@example.com","password":"b","role":"admin"}"#.to_owned(),
        r#"{"grant_type":"password","email":"a@example.com"}"#.to_owned(),
        r#"{"grant_type":"implicit","email":"a@example.com","password":"b"}"#.to_owned(),
        r#"{"grant_type":["password"],"email":"a","password":"b"}"#.to_owned(),
        r#"{"grant_type":"refresh_token","refresh_token":7}"#.to_owned(),
    ]);
    let mut patching = bad();
    patching.extend([r#"{"id":"x"}"#, r#"{"name":""}"#, r#"{"password":"long enough, that"}"#].map(str::to_owned));
    let address = "/v1/accounts/me/addresses/01900000-0000-7000-8000-000000000009";
    for (method, path, bodies) in [
        ("POST", "/v1/accounts", opening),
        ("POST", "/v1/auth/token", asking),
        ("POST", "/v1/auth/revoke", bad()),
        ("PATCH", "/v1/accounts/me", patching),
        ("POST", "/v1/accounts/me/addresses", addressing.clone()),
        ("PUT", address, addressing),
    ] {
        let headers = [("authorization", anna.bearer.as_str()), ("idempotency-key", "bad"), ("if-match", "*")];
        for body in bodies {
            let answer = accounts.client.send(method, path, &headers, Some(&body)).await?;
            let refused = (400..500).contains(&answer.status) && answer.status != 401 && answer.problem().is_some();
            assert!(refused, "{method} {path} {}: {} {}", &body[..body.len().min(100)], answer.status, answer.text());
        }
    }
    for id in ["x", "1", "..%2F..", "01900000-0000-7000-8000-00000000000g", "%00"] {
        let answer = accounts.read(&anna, &format!("/v1/accounts/me/addresses/{id}")).await;
        assert!([400, 404].contains(&answer.status), "{id}: {}", answer.text());
    }
    assert_eq!(accounts.everything().await, before, "nothing was written");
    Ok(())
}

/// The names of all operations that the sources measure.
fn measured(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            names.extend(measured(&entry.path()));
        } else {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            names.extend(text.split("measure(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    names
}

#[tokio::test]
async fn every_statement_is_executed_and_every_declared_metric_exported_and_no_other() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let (database, time) = (Postgres::shared().await?.database().await?, Time::new());
    let weak = start_on(&database, &nats.url(), &time, &[]).await?;
    weak.person("anna@example.com", "Anna").await;
    weak.end().await?;
    let second = format!("--master-key={},{}", crate::running::SECOND, crate::running::FIRST);
    let flags = ["--hash-passes=3", &second, "--access-ttl=2h", "--key-rotation=24h"];
    let accounts = start_on(&database, &nats.url(), &time, &flags).await?;
    let statement = "SELECT length(password)::bigint FROM accounts";
    let before = accounts.count(statement).await;
    assert_eq!(accounts.log_in("anna@example.com", PASSWORD).await.status, 200);
    assert_eq!(accounts.count(statement).await, before, "hashed anew, with as many characters");
    let hashed = accounts.metric("shop_password_hash_duration_seconds_count").await;
    assert_eq!(accounts.log_in("anna@example.com", PASSWORD).await.status, 200);
    assert_eq!(accounts.metric("shop_password_hash_duration_seconds_count").await, hashed + 1, "once is enough");
    let berta = accounts.person("berta@example.com", "Berta").await;
    let refresh = accounts.exchange(&berta.refresh).await.json()["refresh_token"].clone();
    accounts.send("POST", "/v1/auth/revoke", &[], Some(&json!({"token": refresh}))).await;
    let postal = json!({"recipient": "A", "line1": "B", "postal_code": "C", "city": "D", "country": "DE"});
    let list = "/v1/accounts/me/addresses";
    let added = accounts.of(&berta, ("POST", list), ("idempotency-key", "a"), Some(&postal)).await;
    let path = format!("{list}/{}", added.json()["id"].as_str().unwrap());
    accounts.of(&berta, ("PUT", &path), ("if-match", "*"), Some(&postal)).await;
    accounts.of(&berta, ("DELETE", &path), ("if-match", "*"), None).await;
    let secret = json!({"password": "another long password", "current_password": PASSWORD});
    accounts.of(&berta, ("PATCH", "/v1/accounts/me"), ("if-match", "*"), Some(&secret)).await;
    accounts.read(&berta, "/v1/accounts/me/export").await;
    accounts.of(&berta, ("DELETE", "/v1/accounts/me"), ("if-match", "*"), None).await;
    accounts.log_in("anna@example.com", "a wrong password").await;
    for hours in [24, 1, 3] {
        time.advance(Duration::from_hours(hours));
        accounts.looks_at_its_keys().await;
    }
    let executed = async || {
        let text = accounts.metrics().await;
        let names = text.lines().filter(|line| line.contains("error_type=\"\""));
        names
            .filter_map(|line| line.split("db_operation_name=\"").nth(1)?.split('"').next().map(str::to_owned))
            .collect::<BTreeSet<_>>()
    };
    let measured = measured(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(measured.len() > 30, "{measured:?}");
    until(&format!("all of {measured:?} are executed"), async || measured.is_subset(&executed().await)).await;
    for line in [
        r#"shop_token_grants_total{grant="password",outcome="granted"} 3"#,
        "shop_password_hash_limit 2",
        r#"sent_messages_total{messaging_operation_name="account.erased"} 1"#,
        r#"shop_idempotency_total{outcome="executed"} 2"#,
    ] {
        until(line, async || accounts.metrics().await.contains(line)).await;
    }
    let text = accounts.metrics().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).chain(ACCOUNTING).map(Metric::registered_name).collect();
    // Accounts takes no events, and the drain's duration is shown while the service drains.
    let absent: Vec<_> = declared.difference(&exported).copied().collect();
    assert_eq!(absent, ["messaging_client_consumed_messages", "shop_drain_duration_seconds"]);
    assert!(exported.is_subset(&declared), "{exported:?}");
    Ok(())
}
