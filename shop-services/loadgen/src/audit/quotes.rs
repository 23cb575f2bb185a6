//! What orders cost: exactly what pricing has signed.
//!
//! **Source**: JWS compact serialization (RFC 7515) with `EdDSA` over Ed25519 (RFC 8037).

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::between::{Ledgers, Order};
use super::places::{Places, document};
use super::{AuditError, Finding, Invariant};

/// Checks the signature of every order's quote with the keys that pricing publishes.
pub(super) async fn check(places: &Places, ledgers: &Ledgers) -> Result<Vec<Finding>, AuditError> {
    let missing =
        || AuditError::Door { url: "pricing".to_owned(), said: "its URL is not in the file of places".to_owned() };
    let pricing = places.services.get("pricing").ok_or_else(missing)?;
    let published = document(pricing, "/.well-known/jwks.json").await?;
    let keys: Vec<Vec<u8>> =
        published["keys"].as_array().into_iter().flatten().filter_map(|key| bytes(&key["x"])).collect();
    let forged = ledgers.orders.values().filter(|order| !genuine(order, &keys)).map(|order| order.id.to_string());
    Ok(vec![Finding::of(
        Invariant::I6,
        "every order was placed on a quote that pricing signed, and costs what it says",
        forged.collect(),
    )])
}

fn bytes(text: &Value) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_str()?).ok()
}

/// Whether the order's quote is what one of these keys has signed.
fn genuine(order: &Order, keys: &[Vec<u8>]) -> bool {
    let Some((signed, signature)) = order.quote_token.rsplit_once('.') else { return false };
    let Some((_, claims)) = signed.split_once('.') else { return false };
    let (Ok(signature), Ok(claims)) = (URL_SAFE_NO_PAD.decode(signature), URL_SAFE_NO_PAD.decode(claims)) else {
        return false;
    };
    let holds = |key: &Vec<u8>| UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok();
    let said: Option<Value> = serde_json::from_slice(&claims).ok();
    keys.iter().any(holds)
        && said.is_some_and(|said| says(&said, &order.quote.0) && said["total"]["amount"] == order.total)
}

/// Whether `said` is `kept`; a newer version may say more of it than the one that kept it knew.
fn says(said: &Value, kept: &Value) -> bool {
    match (said, kept) {
        (Value::Object(said), Value::Object(kept)) => {
            kept.iter().all(|(name, value)| said.get(name).is_some_and(|said| says(said, value)))
        }
        (Value::Array(said), Value::Array(kept)) => {
            said.len() == kept.len() && said.iter().zip(kept).all(|(said, kept)| says(said, kept))
        }
        _ => said == kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_was_said_and_more_may_have_been() {
        let said = json!({"lines": [{"sku": "S", "net": 1, "more": 1}], "total": 2, "more": {}});
        assert!(says(&said, &json!({"lines": [{"sku": "S", "net": 1}], "total": 2})));
        for other in [json!({"total": 3}), json!({"lines": []}), json!({"total": 2, "coupon": "C"})] {
            assert!(!says(&said, &other), "{other}");
        }
    }
}
