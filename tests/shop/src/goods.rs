//! What the shop sells at the beginning: the demonstration assortment with prices, stock and a rate of delivery.

use std::path::Path;

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use test_kit::Client;
use tokio::process::Command;

/// Units of each SKU.
pub(crate) const STOCK: u32 = 10_000;
/// Requests at the same time.
const AT_ONCE: usize = 8;

/// Who is told of goods: each is asked by its API, directly or through the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sellers<'a> {
    /// Lists the products.
    pub(crate) catalog: &'a Client,
    /// Takes prices and rates.
    pub(crate) pricing: &'a Client,
    /// Takes deliveries.
    pub(crate) inventory: &'a Client,
}

/// Writes so many products into the catalog's database.
pub(crate) async fn seed(program: &Path, products: u32, database: &str) -> anyhow::Result<()> {
    let mut seed = Command::new(program);
    seed.args(["catalog", "seed", &format!("--count={products}")]).env("SHOP_DATABASE_URL", database);
    let seeded = seed.kill_on_drop(true).output().await.context("run shop catalog seed")?;
    ensure!(seeded.status.success(), "shop catalog seed: {}", String::from_utf8_lossy(&seeded.stderr).trim());
    Ok(())
}

/// Gives each variant of the catalog's products a price and stock; returns the SKUs.
pub(crate) async fn deliver(sellers: Sellers<'_>, admin: &str) -> anyhow::Result<Vec<String>> {
    let skus = listed(sellers.catalog).await?;
    let bearer = format!("Bearer {admin}");
    for (country, shipping, tax) in [("DE", 499, 1_900), ("FR", 699, 2_000)] {
        let rate = json!({"country": country, "shipping": euro(shipping), "tax_per_10k": tax});
        post(sellers.pricing, "/v1/rates", &bearer, country, &rate).await?;
    }
    let all = stream::iter(skus.iter().zip(0..)).map(|(sku, number)| priced(sku, number, sellers, &bearer));
    all.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(skus)
}

/// Sets the price of the `number`-th SKU and puts it on the shelf.
async fn priced(sku: &str, number: i64, sellers: Sellers<'_>, bearer: &str) -> anyhow::Result<()> {
    let cents = 499 + number * 7_919 % 20_000;
    post(sellers.pricing, "/v1/prices", bearer, sku, &json!({"sku": sku, "price": euro(cents)})).await?;
    let delivery = json!({"change": STOCK, "reason": "delivery"});
    post(sellers.inventory, &format!("/v1/stock/{sku}/adjustments"), bearer, sku, &delivery).await
}

async fn post(client: &Client, path: &str, bearer: &str, key: &str, body: &Value) -> anyhow::Result<()> {
    let headers = [("authorization", bearer), ("idempotency-key", key)];
    let answer = client.send("POST", path, &headers, Some(&body.to_string())).await?;
    ensure!(answer.status < 300, "POST {path} was answered {}: {}", answer.status, answer.text());
    Ok(())
}

/// Every SKU of the catalog.
async fn listed(catalog: &Client) -> anyhow::Result<Vec<String>> {
    let (mut skus, mut path) = (Vec::new(), "/v1/products?limit=100".to_owned());
    loop {
        let page = catalog.send("GET", &path, &[], None).await?.json();
        let products = page["items"].as_array().context("a page of products")?;
        let variants = products.iter().flat_map(|product| product["variants"].as_array().into_iter().flatten());
        skus.extend(variants.filter_map(|variant| variant["sku"].as_str()).map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { return Ok(skus) };
        path = format!("/v1/products?limit=100&cursor={cursor}");
    }
}

fn euro(cents: i64) -> Value {
    json!({"amount": cents, "currency": "EUR"})
}
