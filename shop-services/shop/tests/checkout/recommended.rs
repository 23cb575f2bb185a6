//! The product page with the real recommendations: learned from carts through the broker; and without it.

use std::time::Duration;

use serde_json::{Value, json};
use shop_contracts::demo::product_id;
use tokio::time::Instant;

use crate::carts::{guest, insist};
use crate::floor::until;
use crate::stage::Stage;
use crate::storefront::Running;

/// Longest that a page waits for recommendations here, in milliseconds.
const BUDGET: u64 = 500;
/// The route's own deadline, in milliseconds.
const DEADLINE: u64 = 1_000;

#[tokio::test]
async fn a_product_page_shows_what_goes_with_it_and_does_without_when_nobody_says() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let catalog = Running::catalog(&stage).await?;
    let (cart, mut recommendations) = tokio::try_join!(stage.cart(), stage.recommendations(&["--train-period=500ms"]))?;
    // Two guests put the first two of the catalog's three products into their carts.
    for _ in 0..2 {
        let token = guest(&cart).await;
        for sku in ["P00000-1", "P00001-1"] {
            insist(&cart, ("cart-token", &token), sku, 1).await;
        }
    }
    let folder = tempfile::tempdir()?;
    let services = [
        ("catalog", catalog.address),
        ("pricing", stage.pricing.address),
        ("inventory", stage.inventory.address),
        ("recommendations", recommendations.address),
    ];
    let registry = folder.path().join("endpoints.toml");
    let budget = format!("--recommendations-timeout={BUDGET}ms");
    let gateway = Running::gateway_with(&stage, &registry, &services, &budget).await?;
    let path = format!("/v1/storefront/products/{}", product_id(0));
    let page = async || -> (Value, Duration) {
        let since = Instant::now();
        let page = gateway.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.json()["product"]["id"], json!(product_id(0)));
        (page.json(), since.elapsed())
    };
    let learned = json!([{"product_id": product_id(1)}]);
    until("the page shows what goes with it", async || page().await.0["recommendations"] == learned).await;
    let direct = gateway.get(&format!("/v1/recommendations?product={}", product_id(1))).await.json();
    assert_eq!((&direct["source"], &direct["items"][0]["product_id"]), (&json!("model"), &json!(product_id(0))));
    let popular = gateway.get(&format!("/v1/recommendations?product={}", product_id(2))).await.json();
    assert_eq!(popular["source"], "popular");
    assert_eq!(gateway.get("/v1/recommendations/me").await.status, 401);

    // It hangs: the page waits no longer than its budget for this part, and says what is missing.
    recommendations.signal("STOP").await?;
    let (without, took) = page().await;
    assert_eq!((&without["missing"], without.get("recommendations")), (&json!(["recommendations"]), None));
    assert!(took < Duration::from_millis(DEADLINE), "the page took {took:?}");
    println!("with recommendations hanging the page took {took:?} of {DEADLINE} ms, {BUDGET} ms of them its budget");
    recommendations.signal("CONT").await?;
    until("the page is whole again", async || page().await.0["missing"] == json!([])).await;

    // It is gone.
    recommendations.kill()?;
    let (without, took) = page().await;
    assert_eq!(without["missing"], json!(["recommendations"]));
    assert!(took < Duration::from_millis(DEADLINE), "the page took {took:?}");
    Ok(())
}
