//! Carts: collected by a guest, merged, quoted, bought and emptied; left, and told of once; nobody else's business.

use std::collections::BTreeSet;

use async_nats::jetstream;
use jiff::Timestamp;
use serde_json::{Value, json};
use shop_kit::event::Event;
use shop_metrics::Metric;
use shop_metrics::names::{ALL, CALLING, EVENTS};
use test_kit::Answer;
use uuid::Uuid;

use crate::floor::{Floor, Service, eur, refusal, until};
use crate::stage::Stage;

/// Whoever sends this header has this cart.
pub(crate) type Who<'a> = (&'a str, &'a str);

async fn look(cart: &Service, who: Who<'_>) -> Answer {
    cart.client.send("GET", "/v1/cart", &[who], None).await.unwrap()
}

/// The token that a new guest is given.
pub(crate) async fn guest(cart: &Service) -> String {
    let answer = cart.client.send("GET", "/v1/cart", &[], None).await.unwrap();
    assert_eq!((answer.status, answer.json(), answer.header("etag")), (200, json!({"lines": []}), "\"0\""));
    answer.header("cart-token").to_owned()
}

async fn put(cart: &Service, who: Who<'_>, tag: &str, sku: &str, quantity: u32) -> Answer {
    let body = json!({"quantity": quantity}).to_string();
    cart.client.send("PUT", &format!("/v1/cart/items/{sku}"), &[who, ("if-match", tag)], Some(&body)).await.unwrap()
}

/// Puts so many into the cart, whatever happens to it meanwhile.
pub(crate) async fn insist(cart: &Service, who: Who<'_>, sku: &str, quantity: u32) {
    until("the line is in the cart", async || {
        let tag = look(cart, who).await.header("etag").to_owned();
        let answer = put(cart, who, &tag, sku, quantity).await;
        assert!([200, 412].contains(&answer.status), "{}", answer.text());
        answer.status == 200
    })
    .await;
}

fn line(sku: &str, quantity: u32) -> Value {
    json!({"sku": sku, "quantity": quantity})
}

async fn published(cart: &Service) {
    let waits = "SELECT count(*) FROM outbox WHERE published_at IS NULL";
    until("every event is published", async || cart.count(waits).await == 0).await;
}

#[tokio::test]
async fn what_a_guest_collected_is_merged_quoted_and_bought_and_leaves_the_cart() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (cart, orders) = tokio::try_join!(stage.cart(), stage.orders(&[]))?;
    let (token, anna) = (guest(&cart).await, stage.customer(1));
    let (guest, anna) = (("cart-token", token.as_str()), ("authorization", anna.as_str()));
    insist(&cart, guest, "LAMP", 2).await;
    insist(&cart, anna, "LAMP", 1).await;
    let merge = json!({"cart_token": token});
    for key in ["m", "m", "again"] {
        let merged = cart.send("POST", "/v1/cart/merge", anna.1, Some(key), Some(&merge)).await;
        assert_eq!((merged.status, merged.json()["lines"].clone()), (200, json!([line("LAMP", 3)])));
    }
    assert_eq!(look(&cart, guest).await.json()["lines"], json!([]), "the guest's cart is gone");
    let terms = json!({"currency": "EUR", "country": "DE"});
    let quoted = cart.send("POST", "/v1/cart/quote", anna.1, None, Some(&terms)).await;
    assert_eq!(quoted.json()["quote"]["subtotal"], eur(3 * 1_999), "{}", quoted.text());
    // Put in after the quote, so it stays.
    insist(&cart, anna, "LAMP", 4).await;
    insist(&cart, anna, "TABLE", 1).await;
    let path = orders.placed(anna.1, "k", quoted.json()["token"].as_str().unwrap()).await;
    orders.becomes(&path, anna.1, "confirmed").await;
    let rest = json!([line("LAMP", 1), line("TABLE", 1)]);
    until("what was ordered left the cart", async || look(&cart, anna).await.json()["lines"] == rest).await;
    let unpriced = cart.send("POST", "/v1/cart/quote", anna.1, None, Some(&terms)).await;
    assert_eq!(refusal(&unpriced, 422), "price-unknown", "pricing's own words");
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing_and_a_stale_one_is_told() -> anyhow::Result<()> {
    let floor = Floor::lay().await?;
    let cart = floor.cart(&[]).await?;
    let token = guest(&cart).await;
    let who = ("cart-token", token.as_str());
    let skus: Vec<String> = (0..12).map(|number| format!("SKU-{number}")).collect();
    futures::future::join_all(skus.iter().map(|sku| insist(&cart, who, sku, 1))).await;
    let cart_now = look(&cart, who).await;
    let in_it: BTreeSet<&str> = skus.iter().map(String::as_str).collect();
    let lines = cart_now.json()["lines"].as_array().unwrap().clone();
    assert_eq!(lines.iter().map(|l| l["sku"].as_str().unwrap()).collect::<BTreeSet<_>>(), in_it);
    let tag = cart_now.header("etag").to_owned();
    let same = put(&cart, who, &tag, "SKU-0", 1).await;
    assert_eq!(same.header("etag"), tag, "the same again changes nothing");
    let next = put(&cart, who, &tag, "SKU-0", 5).await.header("etag").to_owned();
    assert_ne!(next, tag);
    assert_eq!(refusal(&put(&cart, who, &tag, "SKU-1", 5).await, 412), "stale");
    let blind = cart.client.send("PUT", "/v1/cart/items/SKU-1", &[who], Some(r#"{"quantity":1}"#)).await?;
    assert_eq!(refusal(&blind, 428), "precondition-required");
    let headers = [who, ("if-match", next.as_str())];
    let fewer = cart.client.send("DELETE", "/v1/cart/items/SKU-0", &headers, None).await?;
    assert_eq!(fewer.json()["lines"].as_array().unwrap().len(), 11);
    let unchanged = cart.client.send("GET", "/v1/cart", &[who, ("if-none-match", fewer.header("etag"))], None).await?;
    assert_eq!(unchanged.status, 304);
    for number in 0..89 {
        insist(&cart, who, &format!("MORE-{number}"), 1).await;
    }
    let full = put(&cart, who, look(&cart, who).await.header("etag"), "ONE-MORE", 1).await;
    assert_eq!(refusal(&full, 409), "cart-full");
    let told = "SELECT count(*) FROM outbox WHERE kind = 'cart.updated'";
    assert_eq!(cart.count(told).await, 12 + 1 + 1 + 89, "each change is told of once");
    Ok(())
}

#[tokio::test]
async fn a_cart_that_is_left_is_told_of_once_and_again_after_a_change_and_deleted_when_nobody_comes()
-> anyhow::Result<()> {
    let floor = Floor::lay().await?;
    let cart = floor.cart(&["--abandoned-after=300ms", "--sweep-period=100ms", "--cart-ttl=6s"]).await?;
    let token = guest(&cart).await;
    let who = ("cart-token", token.as_str());
    let told = "SELECT count(*) FROM outbox WHERE kind = 'cart.abandoned'";
    insist(&cart, who, "LAMP", 2).await;
    until("it is told of", async || cart.count(told).await == 1).await;
    let lines = "SELECT (body->'data'->'lines'->0->>'quantity')::bigint FROM outbox WHERE kind = 'cart.abandoned'";
    assert_eq!(cart.count(lines).await, 2);
    insist(&cart, who, "LAMP", 3).await;
    until("it is told of again", async || cart.count(told).await == 2).await;
    until("it is deleted", async || cart.count("SELECT count(*) FROM carts").await == 0).await;
    assert_eq!(cart.count(told).await, 2, "and no more");
    assert_eq!(look(&cart, who).await.json()["lines"], json!([]));
    published(&cart).await;
    Ok(())
}

#[tokio::test]
async fn a_retired_product_leaves_every_cart_once_however_often_it_is_told() -> anyhow::Result<()> {
    let floor = Floor::lay().await?;
    let cart = floor.cart(&[]).await?;
    let (anna, token) = (floor.customer(1), guest(&cart).await);
    let owners = [("authorization", anna.as_str()), ("cart-token", token.as_str())];
    for who in owners {
        insist(&cart, who, "LAMP", 1).await;
        insist(&cart, who, "LAMP-RED", 1).await;
        insist(&cart, who, "TABLE", 1).await;
    }
    let data = json!({"product_id": Uuid::nil(), "skus": ["LAMP", "LAMP-RED"]});
    let event = Event::new(Uuid::from_u128(1), "product.retired", Timestamp::UNIX_EPOCH, &data)?;
    let context = jetstream::new(async_nats::connect(floor.nats.url()).await?);
    until("the stream is there", async || context.get_stream("SHOP").await.is_ok()).await;
    for _ in 0..2 {
        context.publish("shop.product.retired", serde_json::to_vec(&event)?.into()).await?.await?;
    }
    for who in owners {
        let left = json!([line("TABLE", 1)]);
        until("it left the cart", async || look(&cart, who).await.json()["lines"] == left).await;
    }
    until("the repetition is known", async || cart.metrics().await.contains("shop_inbox_duplicates_total 1")).await;
    assert_eq!(cart.count("SELECT count(*) FROM outbox WHERE kind = 'cart.updated'").await, 6 + 2);
    Ok(())
}

#[tokio::test]
async fn a_cart_is_its_owners_alone_and_bad_input_a_client_error() -> anyhow::Result<()> {
    let floor = Floor::lay().await?;
    let cart = floor.cart(&[]).await?;
    let (anna, berta) = (floor.customer(1), floor.customer(2));
    let (one, two) = (guest(&cart).await, guest(&cart).await);
    assert_ne!(one, two);
    insist(&cart, ("authorization", &anna), "LAMP", 1).await;
    insist(&cart, ("cart-token", &one), "TABLE", 1).await;
    for stranger in [("authorization", berta.as_str()), ("cart-token", two.as_str())] {
        assert_eq!(look(&cart, stranger).await.json()["lines"], json!([]));
    }
    let far = 4_000_000_000;
    let expired = floor.token(1, ("accounts", "shop", 0, 1_700_000_000));
    let foreign = floor.token(1, ("someone", "shop", 0, far));
    for bad in [("authorization", expired.as_str()), ("authorization", &foreign), ("cart-token", "x")] {
        assert_eq!(refusal(&look(&cart, bad).await, 401), "unauthorized", "{bad:?}");
        assert_eq!(put(&cart, bad, "\"0\"", "LAMP", 1).await.status, 401);
    }
    let both = [("authorization", "Bearer wrong"), ("cart-token", one.as_str())];
    assert_eq!(cart.client.send("GET", "/v1/cart", &both, None).await?.status, 401, "a wrong token is no guest");
    let merge = json!({"cart_token": one}).to_string();
    let as_guest = [("cart-token", one.as_str()), ("idempotency-key", "k")];
    assert_eq!(cart.client.send("POST", "/v1/cart/merge", &as_guest, Some(&merge)).await?.status, 401);
    let tag = look(&cart, ("cart-token", &one)).await.header("etag").to_owned();
    let headers = [("cart-token", one.as_str()), ("if-match", tag.as_str())];
    for body in [
        "",
        "{}",
        "null",
        r#"{"quantity":0}"#,
        r#"{"quantity":-1}"#,
        r#"{"quantity":1001}"#,
        r#"{"quantity":1e400}"#,
        r#"{"quantity":2147483648}"#,
        r#"{"quantity":1,"price":1}"#,
        r#"{"quantity":"1"}"#,
    ] {
        let answer = cart.client.send("PUT", "/v1/cart/items/LAMP", &headers, Some(body)).await?;
        assert!((400..500).contains(&answer.status) && answer.problem().is_some(), "{body}: {}", answer.text());
    }
    for sku in ["lamp", "L%00", "L%D0%90MP", &"A".repeat(65), "A%27%20OR%201"] {
        assert_eq!(refusal(&put(&cart, headers[0], &tag, sku, 1).await, 422), "invalid-field", "{sku}");
    }
    let terms = json!({"currency": "EUR", "country": "DE"});
    let empty = cart.send("POST", "/v1/cart/quote", &berta, None, Some(&terms)).await;
    assert_eq!(refusal(&empty, 409), "cart-empty");
    let away = cart.send("POST", "/v1/cart/quote", &anna, None, Some(&terms)).await;
    assert_eq!(refusal(&away, 503), "unavailable", "pricing is away, the cart is not");
    assert_eq!(look(&cart, ("cart-token", &one)).await.header("etag"), tag, "nothing was written");
    Ok(())
}

#[tokio::test]
async fn every_route_of_cart_answers_as_documented_and_every_metric_is_declared() -> anyhow::Result<()> {
    let floor = Floor::lay().await?;
    let cart = floor.cart(&[]).await?;
    let anna = floor.customer(1);
    let document = cart.client.send("GET", "/openapi.json", &[], None).await?.json();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for headers in [vec![], vec![("authorization", "Bearer wrong")], vec![("authorization", anna.as_str())]] {
                let path = path.replace("{sku}", "LAMP");
                let body = (method != "get").then_some("{}");
                let answer = cart.client.send(&method.to_uppercase(), &path, &headers, body).await?;
                let documented = operation["responses"].get(answer.status.to_string()).is_some();
                assert!(documented, "{method} {path} answered {}", answer.status);
                assert_ne!(answer.problem().map(|(slug, _)| slug).as_deref(), Some("no-route"));
                let open = method == "get" && headers.is_empty();
                assert_eq!(
                    answer.status == 401,
                    !open && headers.first() != Some(&("authorization", &anna)),
                    "{method} {path}"
                );
            }
            routes += 1;
        }
    }
    assert_eq!(routes, 5);
    let text = cart.metrics().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared = ALL.iter().chain(EVENTS).chain(CALLING).map(Metric::registered_name);
    assert!(exported.is_subset(&declared.collect()), "{exported:?}");
    Ok(())
}
