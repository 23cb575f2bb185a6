//! Quotes: signed, exact, bounded in time, and made of our prices alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shop_contracts::pricing::{QUOTE_TYPE, Quote};
use shop_kit::signature::{PublicKey, SignatureError, verify};

use crate::running::{CART, refusal, start};

const ORDER: &str = "01900000-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_quote_is_checked_with_the_published_key_and_says_the_same_as_its_token() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999), ("TABLE", 24_900)]).await;
    let request = json!({"lines": [{"sku": "LAMP", "quantity": 2}, {"sku": "TABLE", "quantity": 1}],
        "currency": "EUR", "country": "DE"});
    let signed = pricing.send("POST", "/v1/quotes", CART, &request).await.json();
    let keys: Vec<PublicKey> =
        serde_json::from_value(pricing.get("/.well-known/jwks.json").await.json()["keys"].clone())?;
    let token = signed["token"].as_str().unwrap();
    let quote: Quote = verify(token, QUOTE_TYPE, &keys)?;
    assert_eq!(serde_json::to_value(&quote)?, signed["quote"]);
    assert_eq!((quote.subtotal.amount, quote.shipping.amount), (28_898, 499));
    // 5490.62 on goods, 94.81 on delivery.
    assert_eq!((quote.tax.amount, quote.total.amount), (5491 + 95, 28_898 + 499 + 5586));
    assert_eq!(quote.exp - quote.iat, 900);
    Ok(())
}

#[tokio::test]
async fn prices_of_the_client_are_refused_and_those_of_other_currencies_do_not_exist() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    let line = |line: Value| json!({"lines": [line], "currency": "EUR", "country": "DE"});
    let cheap = line(json!({"sku": "LAMP", "quantity": 1, "unit_price": {"amount": 1, "currency": "EUR"}}));
    assert_eq!(refusal(&pricing.send("POST", "/v1/quotes", CART, &cheap).await, 422), "bad-body");
    let in_yen = json!({"lines": [{"sku": "LAMP", "quantity": 1}], "currency": "JPY", "country": "DE"});
    assert_eq!(refusal(&pricing.send("POST", "/v1/quotes", CART, &in_yen).await, 422), "price-unknown");
    let to_mars = json!({"lines": [{"sku": "LAMP", "quantity": 1}], "currency": "EUR", "country": "XX"});
    assert_eq!(refusal(&pricing.send("POST", "/v1/quotes", CART, &to_mars).await, 422), "no-rate");
    Ok(())
}

#[tokio::test]
async fn bad_input_is_a_client_error_and_never_a_failure() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", i64::MAX)]).await;
    let line = |sku: &str, quantity: &str| {
        format!(r#"{{"lines":[{{"sku":"{sku}","quantity":{quantity}}}],"currency":"EUR","country":"DE"}}"#)
    };
    let mut bodies = vec![String::new(), "{".into(), "[]".into(), "null".into(), r#"{"lines":[]}"#.into()];
    for quantity in ["0", "-1", "2147483648", "1e400", "1.5", "\"1\"", "10001", "2"] {
        bodies.push(line("LAMP", quantity));
    }
    for sku in ["", "lamp", "LАMP", "LAMP\\u0000", "LAMP' OR 1=1", &"A".repeat(65)] {
        bodies.push(line(sku, "1"));
    }
    bodies.push(
        r#"{"lines":[{"sku":"LAMP","quantity":1},{"sku":"LAMP","quantity":1}],"currency":"EUR","country":"DE"}"#.into(),
    );
    bodies.push(line("LAMP", "1").replace("\"DE\"", "\"de\""));
    bodies.push(line("LAMP", "1").replace("\"EUR\"", "\"DOGE\""));
    bodies.push(line("LAMP", "1").replace("}]", "}],\"coupon\":\"a b\""));
    bodies.push(format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)));
    for body in bodies {
        let answer = pricing.client.send("POST", "/v1/quotes", &[("authorization", CART)], Some(&body)).await?;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
        assert!(answer.problem().is_some(), "{body}: {}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_quote_binds_until_it_expires_and_only_as_it_was_signed() -> anyhow::Result<()> {
    let pricing = start().await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    let token = pricing.quote("LAMP", None).await.json()["token"].clone();
    let [header, claims, signature] = token.as_str().unwrap().split('.').collect::<Vec<_>>()[..] else {
        unreachable!()
    };
    let mut cheaper: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    cheaper["total"]["amount"] = json!(1);
    let forged = json!(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(cheaper.to_string())));
    assert_eq!(refusal(&pricing.redeem("k1", ORDER, &forged).await, 422), "quote-invalid");
    let nonsense = verify::<Quote>("a.b.c", QUOTE_TYPE, &[]).unwrap_err();
    assert_eq!(nonsense, SignatureError::Malformed);
    pricing.pass(899);
    assert_eq!(pricing.redeem("k2", ORDER, &token).await.status, 200);
    pricing.pass(1);
    assert_eq!(refusal(&pricing.redeem("k3", ORDER, &token).await, 409), "quote-expired");
    assert_eq!(pricing.redeem("k2", ORDER, &token).await.status, 200, "a repetition gets its first answer");
    Ok(())
}
