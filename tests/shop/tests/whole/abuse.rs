//! What is asked for no good purpose: coupons that are guessed, searches that are patterns, objects of many names,
//! pages of other origins, and addresses that a service should go to.

use presale_shop::{NAMES, Shop};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::open::open;
use crate::people::opened;

/// Longest that a cheap answer may take, also on a busy machine.
const CHEAP: Duration = Duration::from_secs(5);

#[tokio::test]
async fn abuse_is_cheap_and_comes_to_nothing() -> anyhow::Result<()> {
    let shop = open(&[]).await?;
    let [anna, _] = opened(&shop).await?;
    coupons_cannot_be_guessed(&shop, &anna).await?;
    let client = &shop.services["gateway"].client;
    // A pattern that takes for ever, one that matches everything, one that ends the statement: words, and no more.
    for search in
        ["((a%2B)%2B)%2B%24", "%25%25%25%25", "%27%3B%20DROP%20TABLE%20products%3B--", "%5B%5D%7C%26%21%3C-%3E"]
    {
        let since = Instant::now();
        let found = client.send("GET", &format!("/v1/products?q={search}"), &[], None).await?;
        assert!(matches!(found.status, 200 | 400), "{search}: {}", found.text());
        assert!(since.elapsed() < CHEAP, "{search} took {:?}", since.elapsed());
    }
    // Five thousand names in one object, whose hashes nobody can foretell.
    let names: serde_json::Map<String, Value> = (0..5_000).map(|name| (format!("n{name:x}"), json!(0))).collect();
    let since = Instant::now();
    let many = Value::Object(names).to_string();
    let refused = client.send("POST", "/v1/auth/token", &[], Some(&many)).await?;
    assert!((400..500).contains(&refused.status) && since.elapsed() < CHEAP, "{}", refused.text());
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    for (method, path) in [("OPTIONS", "/v1/orders"), ("GET", "/v1/products"), ("TRACE", "/v1/products")] {
        let answer = client.send(method, path, &preflight, None).await?;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method} {path}");
        assert_eq!(answer.status < 300, method == "GET", "{method} {path}: {}", answer.status);
    }
    shop.close().await
}

/// Whoever asks for one price after the other is told to come later, long before a code is found.
async fn coupons_cannot_be_guessed(shop: &Shop, token: &str) -> anyhow::Result<()> {
    let client = &shop.services["gateway"].client;
    let headers = [("authorization", token), ("if-match", "\"0\"")];
    let path = format!("/v1/cart/items/{}", shop.skus[0]);
    assert_eq!(client.send("PUT", &path, &headers, Some("{\"quantity\":1}")).await?.status, 200);
    let (mut refused, mut limited) = (0, 0);
    for guess in 0..400 {
        let terms = json!({"currency": "EUR", "country": "DE", "coupon": format!("GUESS-{guess}")});
        let answer = client.send("POST", "/v1/cart/quote", &headers, Some(&terms.to_string())).await?;
        match answer.status {
            422 => refused += 1,
            429 => limited += 1,
            other => anyhow::bail!("{other} {}", answer.text()),
        }
    }
    assert!(refused >= 30 && limited > 0, "{refused} guesses were looked at, {limited} were not");
    Ok(())
}

/// Names of fields in a schema, at any depth.
fn fields(schema: &Value, found: &mut Vec<String>) {
    for (name, inner) in schema.as_object().into_iter().flatten() {
        if name == "properties" {
            found.extend(inner.as_object().into_iter().flatten().map(|(field, _)| field.clone()));
        }
        fields(inner, found);
    }
    for inner in schema.as_array().into_iter().flatten() {
        fields(inner, found);
    }
}

#[tokio::test]
async fn nobody_can_name_an_address_that_a_service_goes_to() -> anyhow::Result<()> {
    let shop = open(&[]).await?;
    for name in &NAMES[1..] {
        let document = shop.services[name].client.send("GET", "/openapi.json", &[], None).await?.json();
        let mut found = Vec::new();
        fields(&document["components"]["schemas"], &mut found);
        assert!(!found.is_empty() || *name == "recommendations", "{name} documents its schemas");
        let suspects = ["url", "uri", "href", "link", "host", "webhook", "callback", "image"];
        found.retain(|field| suspects.iter().any(|suspect| field.to_lowercase().contains(suspect)));
        assert!(found.is_empty(), "{name}: {found:?} could send a service anywhere: add a test that it cannot");
    }
    shop.close().await
}
