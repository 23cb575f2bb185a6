//! From events to a model and from the model to a list: what goes together, what many take, and nothing that is gone.

use std::time::Duration;

use serde_json::json;
use test_kit::Nats;

use crate::running::{Shop, id, sku, start};

fn list(source: &str, products: &[u128]) -> (String, Vec<u128>) {
    (source.to_owned(), products.to_vec())
}

#[tokio::test]
async fn what_people_took_together_is_recommended_and_else_what_many_take() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    assert_eq!(recommendations.beside(1).await, list("empty", &[]), "nothing is known yet");
    shop.sells(1..=6).await?;
    // Lamps and bulbs go together; many take the third; nobody the sixth.
    for person in 100..104 {
        shop.buys(person, person, 1, &[1, 2]).await?;
    }
    for person in 200..209 {
        shop.buys(person, person, 2, &[3]).await?;
    }
    shop.collects(300, None, 3, &[4, 5]).await?;
    recommendations.hears_all(&shop).await;
    let first = recommendations.trains().await;
    assert_eq!(recommendations.beside(1).await, list("model", &[2, 3, 4, 5]), "first what goes with it");
    assert_eq!(recommendations.beside(4).await, list("model", &[5, 3, 1, 2]), "a guest's cart teaches, too");
    assert_eq!(recommendations.beside(6).await, list("popular", &[3, 1, 2, 4, 5]));
    assert_eq!(recommendations.beside(99).await, list("popular", &[3, 1, 2, 4, 5]), "not a product of ours");
    let two = recommendations.says(&format!("/v1/recommendations?product={}&limit=2", id(6)), None).await;
    assert_eq!(two, list("popular", &[3, 1]));
    let answer = recommendations.get(&format!("/v1/recommendations?product={}", id(1)), None).await;
    assert_eq!(answer.json()["model"], first);

    // Somebody who has the lamp is shown the bulb; somebody new, what many take.
    shop.collects(301, Some(400), 4, &[1]).await?;
    recommendations.hears_all(&shop).await;
    assert_eq!(recommendations.for_customer(400).await, list("model", &[2, 3, 4, 5]));
    assert_eq!(recommendations.for_customer(401).await, list("popular", &[3, 1, 2, 4, 5]));
    assert_eq!(recommendations.for_customer(100).await, list("popular", &[3, 4, 5]), "what goes with it they have");

    // Retired, it is gone from the lists at once, and from the next model.
    shop.tells("product.retired", 5, &json!({"product_id": id(2), "skus": [sku(2, 1)]})).await?;
    shop.tells("product.created", 6, &json!({"product_id": id(2), "skus": [sku(2, 1)]})).await?;
    recommendations.hears_all(&shop).await;
    assert_eq!(recommendations.beside(1).await, list("popular", &[3, 4, 5]));
    assert!(recommendations.trains().await > first);
    assert_eq!(recommendations.beside(1).await, list("popular", &[3, 4, 5]));
    let told = r#"shop_recommendation_requests_total{source="model"} "#;
    let text = recommendations.metrics().await;
    assert!(text.contains(told) && text.contains(r#"shop_recommendation_requests_total{source="empty"} 1"#), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_cart_counts_as_it_is_now_and_an_older_word_about_it_not_at_all() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    shop.sells(1..=4).await?;
    shop.collects(300, None, 10, &[1, 2]).await?;
    shop.collects(300, None, 30, &[1, 3]).await?;
    shop.collects(300, None, 20, &[1, 4]).await?;
    recommendations.hears_all(&shop).await;
    recommendations.trains().await;
    assert_eq!(recommendations.beside(1).await, list("model", &[3]));
    shop.collects(300, None, 40, &[]).await?;
    recommendations.hears_all(&shop).await;
    recommendations.trains().await;
    assert_eq!(recommendations.beside(1).await, list("empty", &[]));
    Ok(())
}

#[tokio::test]
async fn a_product_that_is_told_of_after_its_orders_counts_in_the_next_model() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    shop.buys(1, 1, 1, &[1, 2]).await?;
    recommendations.hears_all(&shop).await;
    assert_eq!(recommendations.beside(1).await, list("empty", &[]), "nobody knows which products these are");
    shop.sells(1..=2).await?;
    shop.tells("product.updated", 3, &json!({"product_id": id(2), "skus": [sku(2, 1), "P2-3"]})).await?;
    recommendations.hears_all(&shop).await;
    recommendations.trains().await;
    assert_eq!(recommendations.beside(1).await, list("model", &[2]));
    Ok(())
}

#[tokio::test]
async fn models_are_trained_on_schedule_from_what_is_not_too_old_and_few_are_kept() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    shop.sells(1..=2).await?;
    shop.buys(1, 1, 0, &[1, 2]).await?;
    recommendations.hears_all(&shop).await;
    for _ in 0..5 {
        recommendations.trains().await;
    }
    let kept = recommendations.version().await;
    assert_eq!(recommendations.count("SELECT count(*) FROM models").await, 3, "the latest and two before it");
    recommendations.passes(Duration::from_mins(59));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(recommendations.version().await, kept, "not before its time");
    let trained = "shop_recommendation_model_trained_timestamp_seconds 1800018000.0";
    assert!(recommendations.metrics().await.contains(trained), "five hours after the start");
    // After a month nothing of that order is left.
    recommendations.passes(Duration::from_hours(720));
    recommendations.trains().await;
    assert_eq!(recommendations.count("SELECT count(*) FROM baskets").await, 0);
    assert_eq!(recommendations.beside(1).await, list("empty", &[]));
    Ok(())
}
