//! Price lists, promotions and their windows, as administrators set them and anyone reads them.

use serde_json::{Value, json};

use crate::running::{ADMIN, PRESALE, at, refusal, start};

fn promotion(name: &str, off: u32, window: (i64, i64)) -> Value {
    json!({"name": name, "off_per_10k": off, "skus": ["LAMP"], "starts_at": at(window.0), "ends_at": at(window.1)})
}

#[tokio::test]
async fn the_latest_valid_price_counts_and_a_later_one_waits() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    let later = json!({"sku": "LAMP", "price": {"amount": 2999, "currency": "EUR"}, "valid_from": at(100)});
    assert_eq!(pricing.send("POST", "/v1/prices", ADMIN, &later).await.status, 201);
    let read = async || pricing.get("/v1/prices?sku=LAMP,NONE&currency=EUR").await.json()["items"].clone();
    assert_eq!(read().await.as_array().map(Vec::len), Some(1));
    assert_eq!(read().await[0]["list"]["amount"], 1999);
    pricing.pass(100);
    assert_eq!(read().await[0]["list"]["amount"], 2999);
    for query in ["", "?sku=LAMP", "?sku=LAMP&currency=DOGE", "?sku=LAMP&currency=EUR&x=1"] {
        assert_eq!(pricing.get(&format!("/v1/prices{query}")).await.status, 400, "{query}");
    }
    assert_eq!(refusal(&pricing.get("/v1/prices?sku=lamp&currency=EUR").await, 422), "invalid-field");
    Ok(())
}

#[tokio::test]
async fn a_promotion_is_announced_runs_and_is_over() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 2000), ("TABLE", 2000)]).await;
    let created = pricing.send("POST", "/v1/promotions", ADMIN, &promotion("Lights", 2500, (60, 120))).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let now = async || {
        let items = pricing.get("/v1/prices?sku=LAMP,TABLE&currency=EUR").await.json()["items"].clone();
        (items[0]["now"]["amount"].clone(), items[1]["now"]["amount"].clone())
    };
    let upcoming = async || {
        let answer = pricing.send("GET", "/v1/events/upcoming", PRESALE, &Value::Null).await.json();
        answer["items"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((now().await, upcoming().await), ((json!(2000), json!(2000)), 1));
    pricing.pass(60);
    assert_eq!(now().await, (json!(1500), json!(2000)));
    assert_eq!(pricing.quote("LAMP", None).await.json()["quote"]["discount"]["amount"], 500);
    pricing.pass(60);
    assert_eq!((now().await, upcoming().await), ((json!(2000), json!(2000)), 0));
    Ok(())
}

#[tokio::test]
async fn a_promotion_changes_only_in_the_state_that_was_seen() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 2000)]).await;
    let created = pricing.send("POST", "/v1/promotions", ADMIN, &promotion("Lights", 2500, (0, 100))).await;
    let path = created.header("location").to_owned();
    let half = json!({"off_per_10k": 5000});
    assert_eq!(pricing.send("PATCH", &path, ADMIN, &half).await.status, 428);
    assert_eq!(pricing.change("PATCH", &path, "\"7\"", &half).await.status, 412);
    let backwards = json!({"ends_at": at(-1)});
    assert_eq!(refusal(&pricing.change("PATCH", &path, "\"1\"", &backwards).await, 422), "invalid-field");
    let changed = pricing.change("PATCH", &path, created.header("etag"), &half).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    assert_eq!(pricing.get(&path).await.json(), changed.json());
    assert_eq!(changed.json()["name"], "Lights", "what is absent stays");
    assert_eq!(pricing.change("DELETE", &path, "\"2\"", &Value::Null).await.status, 204);
    assert_eq!(refusal(&pricing.get(&path).await, 404), "promotion-not-found");
    assert_eq!(pricing.get("/v1/promotions").await.json()["items"], json!([]));
    assert_eq!(pricing.quote("LAMP", None).await.json()["quote"]["discount"]["amount"], 0);
    Ok(())
}

#[tokio::test]
async fn what_administrators_write_has_bounds() -> anyhow::Result<()> {
    let pricing = start().await?;
    let negative = json!({"sku": "LAMP", "price": {"amount": -1, "currency": "EUR"}});
    let huge_tax = json!({"country": "DE", "shipping": {"amount": 1, "currency": "EUR"}, "tax_per_10k": 10_001});
    let no_off = json!({"code": "SAVE", "value": {"off": {"amount": 0, "currency": "EUR"}}, "max_redemptions": 1,
        "starts_at": at(0), "ends_at": at(1)});
    let mut never = no_off.clone();
    never["value"] = json!({"off_per10k": 1});
    never["max_redemptions"] = json!(0);
    for (path, body) in [
        ("/v1/prices", negative),
        ("/v1/rates", huge_tax),
        ("/v1/coupons", no_off),
        ("/v1/coupons", never),
        ("/v1/promotions", promotion("Lights", 0, (0, 1))),
        ("/v1/promotions", promotion("Lights", 10_001, (0, 1))),
        ("/v1/promotions", promotion("Lights", 1, (1, 1))),
        ("/v1/promotions", promotion("", 1, (0, 1))),
    ] {
        assert_eq!(refusal(&pricing.send("POST", path, ADMIN, &body).await, 422), "invalid-field", "{body}");
    }
    Ok(())
}
