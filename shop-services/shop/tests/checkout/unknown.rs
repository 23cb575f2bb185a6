//! Answers that do not come or make no sense: asked for again under the same key, given to a person, never paid twice.

use serde_json::{Value, json};

use crate::floor::{ADMIN, eur, refusal, until};
use crate::stage::{Settings, Stage};

#[tokio::test]
async fn answers_that_the_provider_loses_are_found_and_nothing_is_charged_twice() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.program(json!({"lose_answers": 2})).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    assert_eq!((stage.provider_did("authorize").await, stage.provider_did("capture").await), (1, 1));
    let waited = "SELECT count(*) FROM saga_log WHERE outcome = 'waiting'";
    assert!(orders.count(waited).await > 0, "it was waited for");
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn a_payment_that_makes_no_sense_waits_for_a_person_until_the_provider_makes_it_clear() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.program(json!({"wrong_amount": 1, "notices": 1, "notice_delay_ms": 4_000})).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "needs_review").await;
    let review = orders.look("/v1/reviews", ADMIN).await["items"][0].clone();
    assert_eq!((review["step"].clone(), review["total"].clone()), (json!("authorize"), eur(1_999 + 499 + 380 + 95)));
    assert!(review["finding"].as_str().unwrap().contains("needs_review"), "{review}");
    assert!(review["payment_id"].is_string() && review["reservation_id"].is_string(), "{review}");
    // The notice settles the payment, its event wakes the order.
    orders.becomes(&path, &anna, "confirmed").await;
    assert_eq!(orders.look("/v1/reviews", ADMIN).await["items"], json!([]));
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn without_payments_an_order_is_given_to_a_person_who_may_retry_or_cancel() -> anyhow::Result<()> {
    let mut stage = Stage::set().await?;
    let orders = stage.orders(&["--saga-attempts=2", "--saga-review-period=1h"]).await?;
    let anna = stage.customer(1);
    stage.payments.kill()?;
    let mut paths = Vec::new();
    for key in ["retry", "cancel"] {
        paths.push(orders.placed(&anna, key, &stage.quote(1, None).await).await);
    }
    for path in &paths {
        orders.becomes(path, &anna, "needs_review").await;
    }
    until("it is counted", async || orders.metrics().await.contains(r#"shop_sagas_inflight{state="needs_review"} 2"#))
        .await;
    stage.payments.revive_without("--no-such-flag").await?;
    for (path, decision) in paths.iter().zip(["retry", "cancel"]) {
        let at = path.replace("/orders/", "/reviews/");
        let body: Value = json!({"decision": decision});
        let answer = orders.send("POST", &format!("{at}/decision"), ADMIN, Some(decision), Some(&body)).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    orders.becomes(&paths[0], &anna, "confirmed").await;
    orders.becomes(&paths[1], &anna, "cancelled").await;
    let at = paths[0].replace("/orders/", "/reviews/");
    let retry = json!({"decision": "retry"});
    let late = orders.send("POST", &format!("{at}/decision"), ADMIN, Some("late"), Some(&retry)).await;
    assert_eq!(refusal(&late, 409), "order-state");
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn orders_are_taken_and_confirmed_without_a_broker_and_told_when_it_is_back() -> anyhow::Result<()> {
    let stage = Stage::set_with(Settings::default()).await?;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    stage.nats.kill().await?;
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    assert_eq!(orders.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await, 2);
    stage.nats.revive().await?;
    until("every event is published", async || {
        orders.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await == 0
    })
    .await;
    stage.audit(&[&orders]).await;
    Ok(())
}
