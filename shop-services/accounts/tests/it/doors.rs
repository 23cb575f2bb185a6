//! The door: nobody learns who has an account, guesses are limited, and a storm of logins stays at the door.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use test_kit::Answer;

use crate::running::{Accounts, NOWHERE, PASSWORD, refusal, start, start_on, until};

const HASHED: &str = "shop_password_hash_duration_seconds_count";

/// What a client can see of an answer.
fn seen(answer: &Answer) -> (u16, Value, [String; 3]) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("trace_id");
    (
        answer.status,
        body,
        ["www-authenticate", "cache-control", "content-type"].map(|name| answer.header(name).to_owned()),
    )
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_told_alike_after_the_same_work() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    accounts.person("anna@example.com", "Anna").await;
    let before = accounts.metric(HASHED).await;
    let wrong = accounts.log_in("anna@example.com", "not her password").await;
    assert_eq!((refusal(&wrong, 401), wrong.header("www-authenticate")), ("credentials-refused".into(), "Bearer"));
    assert_eq!(accounts.metric(HASHED).await, before + 1);
    for (number, unknown) in ["nobody@example.com", "no address", "", &"x".repeat(5_000)].iter().enumerate() {
        assert_eq!(seen(&accounts.log_in(unknown, PASSWORD).await), seen(&wrong), "{unknown}");
        assert_eq!(accounts.metric(HASHED).await, before + 2 + number as u64, "one hash, as for a wrong password");
    }
    assert_eq!(accounts.metric(r#"shop_token_grants_total{grant="password",outcome="refused"}"#).await, 5);
    Ok(())
}

#[tokio::test]
async fn guesses_at_one_account_are_limited_on_all_replicas_together_and_right_passwords_do_not_count()
-> anyhow::Result<()> {
    let flags = ["--attempts-per-account=3", "--attempt-window=10m"];
    let one = start(&flags).await?;
    let two = start_on(&one.database, NOWHERE, &one.time, &flags).await?;
    one.person("anna@example.com", "Anna").await;
    for _ in 0..5 {
        assert_eq!(two.log_in("anna@example.com", PASSWORD).await.status, 200);
    }
    for email in ["anna@example.com", "nobody@example.com"] {
        let guesses =
            join_all((0..10).map(|n| if n % 2 == 0 { &one } else { &two }.log_in(email, "a wrong password"))).await;
        let count = |status: u16| guesses.iter().filter(|guess| guess.status == status).count();
        assert_eq!((count(401) + count(429), count(401) <= 3), (10, true), "{email}");
        let limited = two.log_in(email, PASSWORD).await;
        assert_eq!(refusal(&limited, 429), "too-many-attempts", "the right one, too, or it could be guessed on");
        let after: u64 = limited.header("retry-after").parse()?;
        assert!((1..=600).contains(&after), "{after}");
    }
    assert!(one.metric(r#"shop_token_grants_total{grant="password",outcome="limited"}"#).await > 0);
    // What was said about a right password: prove it where a session is.
    one.time.advance(Duration::from_mins(20));
    until("it is forgotten", async || two.log_in("anna@example.com", PASSWORD).await.status == 200).await;
    until("and deleted", async || one.count("SELECT coalesce(sum(count), 0)::bigint FROM attempts").await == 0).await;
    Ok(())
}

/// A guess from behind our proxy.
async fn guess(accounts: &Accounts, from: &str, email: &str) -> u16 {
    let body = json!({"grant_type": "password", "email": email, "password": "a wrong password"});
    accounts.send("POST", "/v1/auth/token", &[("x-forwarded-for", from)], Some(&body)).await.status
}

#[tokio::test]
async fn guesses_from_one_network_are_limited_whoever_they_are_about() -> anyhow::Result<()> {
    let accounts = start(&["--attempts-per-address=4", "--trusted-hops=1"]).await?;
    for number in 0..4 {
        let forged = format!("6.6.6.{number}, 2001:db8::{number}");
        assert_eq!(guess(&accounts, &forged, &format!("guess-{number}@example.com")).await, 401);
    }
    assert_eq!(guess(&accounts, "2001:db8::5", "guess-5@example.com").await, 429, "one network of IPv6");
    assert_eq!(guess(&accounts, "2001:db8:1::5", "guess-5@example.com").await, 401);
    let headers = [("x-forwarded-for", "2001:db8::5"), ("idempotency-key", "k")];
    let body = json!({"email": "anna@example.com", "name": "Anna", "password": PASSWORD});
    assert_eq!(accounts.send("POST", "/v1/accounts", &headers, Some(&body)).await.status, 429);
    let secret = json!({"grant_type": "client_credentials", "client_id": "orders", "client_secret": "a guess"});
    let from = [("x-forwarded-for", "1.2.3.4")];
    for status in [401, 401, 401, 401, 429] {
        assert_eq!(accounts.send("POST", "/v1/auth/token", &from, Some(&secret)).await.status, status);
    }
    // Taken addresses are what a list of addresses would be tried with.
    accounts.person("anna@example.com", "Anna").await;
    for (number, status) in [409, 409, 409, 409, 429].iter().enumerate() {
        let key = format!("taken-{number}");
        let headers = [("x-forwarded-for", "1.2.3.5"), ("idempotency-key", &key)];
        assert_eq!(accounts.send("POST", "/v1/accounts", &headers, Some(&body)).await.status, *status);
    }
    Ok(())
}

#[tokio::test]
async fn a_storm_of_logins_is_turned_away_while_all_other_routes_answer() -> anyhow::Result<()> {
    let accounts = start(&[
        "--hash-limit=1",
        "--hash-queue=2",
        "--hash-memory=131072",
        "--hash-passes=4",
        "--attempts-per-account=100",
    ])
    .await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let storm = join_all((0..40).map(|_| accounts.log_in("anna@example.com", PASSWORD)));
    let elsewhere = async {
        let mut answered = Vec::new();
        for _ in 0..10 {
            answered.push(accounts.send("GET", "/.well-known/jwks.json", &[], None).await.status);
            answered.push(accounts.read(&anna, "/v1/accounts/me").await.status);
            answered.push(accounts.send("GET", "/readyz", &[], None).await.status);
        }
        let hashing = accounts.metric("shop_password_hash_inflight").await;
        (answered, hashing, accounts.exchange(&anna.refresh).await.status)
    };
    let (logins, (answered, hashing, exchanged)) = tokio::join!(storm, elsewhere);
    assert_eq!((answered, exchanged), (vec![200; 30], 200));
    assert!(hashing <= 1, "{hashing} at the same time");
    let shed: Vec<&Answer> = logins.iter().filter(|login| login.status == 503).collect();
    let granted = logins.iter().filter(|login| login.status == 200).count();
    assert_eq!(shed.len() + granted, 40);
    assert!(granted >= 3 && !shed.is_empty(), "{granted} were granted");
    assert!(shed.iter().all(|login| refusal(login, 503) == "unavailable" && login.header("retry-after") == "1"));
    let series = r#"shop_requests_rejected_total{reason="shed",priority="high"}"#;
    assert_eq!(accounts.metric(series).await, shed.len() as u64);
    assert_eq!(accounts.count("SELECT coalesce(sum(count), 0)::bigint FROM attempts").await, 0, "none was wrong");
    Ok(())
}
