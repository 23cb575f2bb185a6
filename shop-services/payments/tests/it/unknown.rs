//! Answers that do not come, or make no sense: not success, not failure, and never asked for twice.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::running::start;

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    payments.program(json!({"lose_answers": 1})).await;
    let answer = payments.authorize(1, "a", 900, "tok_ok").await;
    assert_eq!((answer.status, answer.json()["state"].clone()), (202, json!("authorizing")));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    payments.becomes(&id, "authorized").await;
    payments.program(json!({"lose_answers": 1})).await;
    assert_eq!(payments.settle(&id, "capture", "c").await.status, 202);
    payments.becomes(&id, "captured").await;
    assert_eq!(payments.settle(&id, "capture", "c").await.json()["state"], "captured", "the repetition sees it");
    assert_eq!(payments.books().await["succeeded"], json!({"authorize": 1, "capture": 1, "void": 0, "refund": 0}));
    payments.audit().await;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_answer() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    for (number, fault) in [(1, "oversize"), (2, "malformed")] {
        payments.program(json!({fault: 1})).await;
        let answer = payments.authorize(number, fault, 900, "tok_ok").await;
        assert_eq!(answer.status, 202, "{fault}: {}", answer.text());
        payments.becomes(answer.json()["id"].as_str().unwrap(), "authorized").await;
    }
    assert_eq!(payments.books().await["succeeded"]["authorize"], 2);
    Ok(())
}

#[tokio::test]
async fn an_answer_about_another_amount_goes_to_a_person() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let id = payments.authorized(1, 900).await;
    payments.program(json!({"wrong_amount": 1})).await;
    let answer = payments.settle(&id, "capture", "c").await;
    assert_eq!((answer.status, answer.json()["state"].clone()), (200, json!("needs_review")));
    assert_eq!(payments.count("SELECT count(*) FROM ledger_entries").await, 0, "nothing is booked on such a word");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_too_slow_is_given_to_a_person_until_its_notice_comes() -> anyhow::Result<()> {
    let payments = start(&["--psp-timeout=200ms", "--psp-attempts=2"]).await?;
    payments.program(json!({"latency_ms": 1_500, "notices": 1, "notice_delay_ms": 8_000})).await;
    let asked = timeout(Duration::from_secs(30), payments.authorize(1, "a", 900, "tok_ok")).await?;
    assert_eq!(asked.status, 202);
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    payments.becomes(&id, "needs_review").await;
    payments.becomes(&id, "authorized").await;
    assert_eq!(payments.books().await["succeeded"]["authorize"], 1);
    Ok(())
}
