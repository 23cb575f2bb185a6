//! Sessions: each refresh token is good once, a used one ends all of it, time and customer end it, too.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::running::{PASSWORD, refusal, start, start_on, until};

#[tokio::test]
async fn a_session_goes_on_with_each_new_token_and_ends_when_a_used_one_comes_again() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let other = accounts.log_in(&anna.email, PASSWORD).await.json();
    let mut tokens = vec![anna.refresh.clone()];
    for _ in 0..4 {
        let answer = accounts.exchange(tokens.last().unwrap()).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text());
        let next = answer.json()["refresh_token"].as_str().unwrap().to_owned();
        assert!(!tokens.contains(&next));
        let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
        let me = accounts.send("GET", "/v1/accounts/me", &[("authorization", &bearer)], None).await;
        assert_eq!(me.json()["id"], anna.id.as_str());
        tokens.push(next);
    }
    assert_eq!(refusal(&accounts.exchange(&tokens[1]).await, 401), "credentials-refused");
    for token in &tokens {
        assert_eq!(accounts.exchange(token).await.status, 401, "the latest, too: nobody knows who the thief is");
    }
    assert_eq!(accounts.exchange(other["refresh_token"].as_str().unwrap()).await.status, 200, "not her other session");
    assert_eq!(accounts.metric(r#"shop_token_grants_total{grant="refresh_token",outcome="reused"}"#).await, 1);
    Ok(())
}

#[tokio::test]
async fn of_exchanges_at_the_same_time_on_two_replicas_one_wins_and_the_session_ends() -> anyhow::Result<()> {
    let one = start(&[]).await?;
    let two = start_on(&one.database, crate::running::NOWHERE, &one.time, &[]).await?;
    let anna = one.person("anna@example.com", "Anna").await;
    let answers =
        join_all((0..12).map(|number| if number % 2 == 0 { &one } else { &two }.exchange(&anna.refresh))).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));
    let next = won[0].json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(two.exchange(&next).await.status, 401);
    assert_eq!(one.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 1);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_when_the_customer_says_so_and_when_its_time_is_over() -> anyhow::Result<()> {
    let accounts = start(&["--session-ttl=24h"]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let latest = accounts.exchange(&anna.refresh).await.json()["refresh_token"].as_str().unwrap().to_owned();
    for token in [&anna.refresh, &anna.refresh, &"unknown".to_owned()] {
        let revoked = accounts.send("POST", "/v1/auth/revoke", &[], Some(&json!({"token": token}))).await;
        assert_eq!((revoked.status, revoked.text()), (204, String::new()));
    }
    assert_eq!(refusal(&accounts.exchange(&latest).await, 401), "credentials-refused");
    let again = accounts.log_in(&anna.email, PASSWORD).await.json();
    let token = again["refresh_token"].as_str().unwrap();
    accounts.time.advance(Duration::from_secs(601));
    assert_eq!(refusal(&accounts.read(&anna, "/v1/accounts/me").await, 401), "unauthorized", "ten minutes are over");
    until("the keys were seen again", async || accounts.log_in(&anna.email, PASSWORD).await.status == 200).await;
    accounts.time.advance(Duration::from_hours(24));
    assert_eq!(accounts.exchange(token).await.status, 401);
    until("what is over is deleted", async || accounts.count("SELECT count(*) FROM sessions").await == 0).await;
    assert_eq!(accounts.count("SELECT count(*) FROM refresh_tokens").await, 0);
    Ok(())
}
