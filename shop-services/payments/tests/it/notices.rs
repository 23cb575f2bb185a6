//! Notices of the provider: early, late and repeated they change nothing twice, and strangers change nothing.

use aws_lc_rs::hmac;
use serde_json::json;

use crate::running::{NOW, SECRET, order, refusal, start, until};

fn signature(secret: &str, second: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{second}.{body}").as_bytes());
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|four| char::from_digit(four.into(), 16).unwrap());
    format!("t={second},v1={}", tag.as_ref().iter().flat_map(digits).collect::<String>())
}

#[tokio::test]
async fn before_the_answer_twice_and_late_end_in_the_same_state() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    payments.program(json!({"notices": 3})).await;
    let id = payments.authorized(1, 900).await;
    payments.program(json!({"notices": 2, "notice_delay_ms": 700})).await;
    assert_eq!(payments.settle(&id, "capture", "c").await.json()["state"], "captured");
    until("both notices are there", async || payments.count("SELECT count(*) FROM notices").await == 2).await;
    assert_eq!(payments.read(&id).await["state"], "captured");
    assert_eq!(payments.count("SELECT count(*) FROM ledger_entries").await, 2);
    assert_eq!(payments.count("SELECT count(*) FROM outbox").await, 2, "authorized and captured, once each");
    payments.audit().await;
    Ok(())
}

#[tokio::test]
async fn a_notice_settles_what_no_answer_did() -> anyhow::Result<()> {
    let payments = start(&["--psp-retry-delay=1h"]).await?;
    payments.program(json!({"lose_answers": 1, "notices": 2, "notice_delay_ms": 300})).await;
    let answer = payments.authorize(1, "a", 900, "tok_ok").await;
    assert_eq!(answer.status, 202);
    payments.becomes(answer.json()["id"].as_str().unwrap(), "authorized").await;
    Ok(())
}

#[tokio::test]
async fn strangers_and_old_notices_change_nothing() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let body = json!({"id": "evt", "outcome": {"key": order(5), "kind": "capture",
        "amount": {"amount": 1, "currency": "EUR"}, "succeeded": true}})
    .to_string();
    let send = async |signature: &str, body: &str| {
        payments.client.send("POST", "/v1/webhooks/psp", &[("psp-signature", signature)], Some(body)).await.unwrap()
    };
    let unsigned = payments.client.send("POST", "/v1/webhooks/psp", &[], Some(&body)).await?;
    assert_eq!(refusal(&unsigned, 401), "unauthorized");
    assert_eq!(send(&signature("guess", NOW, &body), &body).await.status, 401);
    assert_eq!(send(&signature(SECRET, NOW - 301, &body), &body).await.status, 401);
    assert_eq!(send(&signature(SECRET, NOW, &body), &format!("{body} ")).await.status, 401);
    assert_eq!(refusal(&send(&signature(SECRET, NOW, &body), &body).await, 404), "unknown-operation");
    assert_eq!(send(&signature(SECRET, NOW, "junk"), "junk").await.status, 400);
    assert_eq!(payments.count("SELECT count(*) FROM notices").await, 0, "a refused notice may come again");
    Ok(())
}
