//! Paying: from authorization to refund, once whatever is sent, and only in the states that allow it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::running::{eur, order, refusal, start};

#[tokio::test]
async fn money_goes_from_authorization_to_refund_and_the_books_agree() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let authorized = payments.authorize(1, "a", 1_000, "tok_ok").await;
    assert_eq!((authorized.status, authorized.json()["state"].clone()), (201, json!("authorized")));
    let id = authorized.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(refusal(&payments.refund(&id, "early", 1).await, 409), "payment-state");
    for key in ["c", "c", "again"] {
        let captured = payments.settle(&id, "capture", key).await;
        assert_eq!((captured.status, captured.json()["captured"].clone()), (200, eur(1_000)));
    }
    assert_eq!(refusal(&payments.settle(&id, "void", "v").await, 409), "payment-state");
    assert_eq!(refusal(&payments.refund(&id, "large", 1_001).await, 422), "refund-too-large");
    let part = payments.refund(&id, "r1", 400).await.json();
    assert_eq!((part["state"].clone(), part["refunded"].clone()), (json!("captured"), eur(400)));
    assert_eq!(payments.refund(&id, "r1", 400).await.json(), part, "a repetition gives nothing back");
    assert_eq!(refusal(&payments.refund(&id, "r1", 300).await, 422), "idempotency-key");
    assert_eq!(refusal(&payments.refund(&id, "r2", 601).await, 422), "refund-too-large");
    assert_eq!(payments.refund(&id, "r3", 600).await.json()["state"], "refunded");
    assert_eq!(payments.books().await["succeeded"], json!({"authorize": 1, "capture": 1, "void": 0, "refund": 2}));
    payments.audit().await;
    Ok(())
}

#[tokio::test]
async fn one_order_is_paid_once_whatever_keys_it_sends() -> anyhow::Result<()> {
    let payments = Arc::new(start(&[]).await?);
    let mut tries = JoinSet::new();
    for number in 0..40 {
        let payments = Arc::clone(&payments);
        // Twenty keys, each sent twice at once.
        tries.spawn(async move { payments.authorize(1, &format!("k{}", number / 2), 500, "tok_ok").await });
    }
    let answers = tries.join_all().await;
    let mut ids: Vec<Value> = answers.iter().filter(|a| a.status < 300).map(|a| a.json()["id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for refused in answers.iter().filter(|a| a.status >= 300) {
        assert_eq!(refusal(refused, 409), "idempotency-key");
    }
    let id = ids[0].as_str().unwrap().to_owned();
    payments.becomes(&id, "authorized").await;
    let mut captures = JoinSet::new();
    for number in 0..20 {
        let (payments, id) = (Arc::clone(&payments), id.clone());
        captures.spawn(async move { payments.settle(&id, "capture", &format!("c{number}")).await.status });
    }
    assert!(captures.join_all().await.iter().all(|status| [200, 202].contains(status)));
    payments.becomes(&id, "captured").await;
    assert_eq!(payments.books().await["succeeded"]["capture"], 1);
    assert_eq!(refusal(&payments.authorize(1, "other", 501, "tok_ok").await, 409), "order-paid");
    payments.audit().await;
    Ok(())
}

#[tokio::test]
async fn a_declined_card_is_an_answer_and_a_given_up_authorization_stays_so() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    let declined = payments.authorize(1, "a", 700, "tok_declined").await;
    assert_eq!((declined.status, declined.json()["state"].clone()), (201, json!("failed")));
    assert_eq!(declined.json()["reason"], "insufficient_funds");
    let failed = declined.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(refusal(&payments.settle(&failed, "capture", "c").await, 409), "payment-state");
    let id = payments.authorized(2, 700).await;
    for key in ["v", "v", "again"] {
        assert_eq!(payments.settle(&id, "void", key).await.json()["state"], "voided");
    }
    assert_eq!(refusal(&payments.settle(&id, "capture", "late").await, 409), "payment-state");
    assert_eq!(refusal(&payments.settle(&order(9), "capture", "k").await, 404), "payment-not-found");
    payments.audit().await;
    Ok(())
}

#[tokio::test]
async fn bad_input_is_a_client_error_and_card_numbers_are_not_taken() -> anyhow::Result<()> {
    let payments = start(&[]).await?;
    for (amount, method) in [(0, "tok_ok"), (-1, "tok_ok"), (i64::MIN, "tok_ok"), (5, ""), (5, "a b"), (5, "tök")] {
        assert_eq!(refusal(&payments.authorize(1, "k", amount, method).await, 422), "invalid-field");
    }
    let card = payments.authorize(1, "k", 5, "4111-1111-1111-1111").await;
    assert_eq!(refusal(&card, 422), "invalid-field");
    assert!(!card.text().contains("4111"), "{}", card.text());
    for body in
        [json!(null), json!([]), json!({}), json!({"order_id": order(1), "amount": eur(5), "method": "t", "pan": "4"})]
    {
        assert!((400..500).contains(&payments.post("/v1/payments", "k", Some(body)).await.status));
    }
    let id = payments.authorized(1, 5).await;
    payments.settle(&id, "capture", "c").await;
    let yen = json!({"amount": {"amount": 5, "currency": "JPY"}});
    let foreign = payments.post(&format!("/v1/payments/{id}/refund"), "yen", Some(yen)).await;
    assert_eq!(refusal(&foreign, 422), "refund-too-large");
    assert_eq!(refusal(&payments.refund(&id, "zero", 0).await, 422), "invalid-field");
    payments.audit().await;
    Ok(())
}
