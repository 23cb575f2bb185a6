//! Coupons: never redeemed too often, given back once, and never for an order that is over.

use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;

use crate::running::{ADMIN, at, refusal, start};

fn order(number: u32) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

#[tokio::test]
async fn of_sixty_orders_at_once_a_coupon_for_seven_is_redeemed_by_seven() -> anyhow::Result<()> {
    let pricing = Arc::new(start().await?);
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 7).await;
    let token = pricing.quote("LAMP", Some("SAVE-10")).await.json()["token"].clone();
    let mut orders = JoinSet::new();
    for number in 0..60 {
        let (pricing, token) = (Arc::clone(&pricing), token.clone());
        orders.spawn(async move { pricing.redeem(&format!("k{number}"), &order(number), &token).await });
    }
    let answers = orders.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 7);
    for refused in answers.iter().filter(|a| a.status != 200) {
        assert_eq!(refusal(refused, 409), "coupon-used-up");
    }
    assert_eq!(pricing.redeemed("SAVE-10").await, 7);
    assert_eq!(refusal(&pricing.quote("LAMP", Some("SAVE-10")).await, 409), "coupon-used-up");
    Ok(())
}

#[tokio::test]
async fn one_order_redeems_once_whatever_keys_it_sends() -> anyhow::Result<()> {
    let pricing = Arc::new(start().await?);
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 5).await;
    pricing.gives_coupon("MORE-10", 5).await;
    let token = pricing.quote("LAMP", Some("SAVE-10")).await.json()["token"].clone();
    let mut tries = JoinSet::new();
    for number in 0..40 {
        let (pricing, token) = (Arc::clone(&pricing), token.clone());
        // Twenty keys, each sent twice at once.
        tries.spawn(async move { pricing.redeem(&format!("k{}", number / 2), &order(1), &token).await });
    }
    for answer in tries.join_all().await {
        assert!(answer.status == 200 || refusal(&answer, 409) == "idempotency-key", "{}", answer.text());
    }
    assert_eq!(pricing.redeemed("SAVE-10").await, 1);
    let other = pricing.quote("LAMP", Some("MORE-10")).await.json()["token"].clone();
    assert_eq!(refusal(&pricing.redeem("other", &order(1), &other).await, 409), "coupon-used-up");
    assert_eq!(pricing.redeemed("MORE-10").await, 0, "the refusal took nothing");
    Ok(())
}

#[tokio::test]
async fn a_coupon_counts_within_its_hours_and_a_quote_made_in_them_is_kept() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 5).await;
    pricing.pass(3599);
    let quoted = pricing.quote("LAMP", Some("SAVE-10")).await.json();
    assert_eq!(quoted["quote"]["discount"]["amount"], 200);
    pricing.pass(60);
    assert_eq!(refusal(&pricing.quote("LAMP", Some("SAVE-10")).await, 422), "coupon-invalid");
    assert_eq!(pricing.redeem("k", &order(1), &quoted["token"]).await.status, 200);
    assert_eq!(refusal(&pricing.quote("LAMP", Some("NO-SUCH")).await, 422), "coupon-invalid");
    Ok(())
}

#[tokio::test]
async fn a_withdrawn_coupon_is_gone_and_its_code_stays_taken() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 5).await;
    let token = pricing.quote("LAMP", Some("SAVE-10")).await.json()["token"].clone();
    let path = "/v1/coupons/SAVE-10";
    let tag = pricing.send("GET", path, ADMIN, &json!(null)).await.header("etag").to_owned();
    assert_eq!(pricing.send("DELETE", path, ADMIN, &json!(null)).await.status, 428);
    assert_eq!(pricing.change("DELETE", path, "\"9\"", &json!(null)).await.status, 412);
    assert_eq!(pricing.change("DELETE", path, &tag, &json!(null)).await.status, 204);
    assert_eq!(refusal(&pricing.change("DELETE", path, &tag, &json!(null)).await, 404), "coupon-not-found");
    assert_eq!(refusal(&pricing.redeem("k", &order(1), &token).await, 409), "coupon-used-up");
    assert_eq!(refusal(&pricing.quote("LAMP", Some("SAVE-10")).await, 422), "coupon-invalid");
    let again = json!({"code": "SAVE-10", "value": {"off": {"amount": 5, "currency": "EUR"}}, "max_redemptions": 1,
        "starts_at": at(0), "ends_at": at(60)});
    assert_eq!(refusal(&pricing.send("POST", "/v1/coupons", ADMIN, &again).await, 409), "coupon-exists");
    Ok(())
}
