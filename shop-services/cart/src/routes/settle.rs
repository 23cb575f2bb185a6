//! On the way to the till: a guest's cart becomes a customer's, and pricing says what it costs.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{Method, StatusCode};
use serde::Deserialize;
use shop_contracts::ErrorCode;
use shop_contracts::cart::{Cart, Merge, QuoteTerms};
use shop_contracts::pricing::{QuoteLine, QuoteRequest, SignedQuote};
use shop_kit::Problem;
use shop_kit::extract::Json as Body;
use shop_kit::idempotency::{Begun, IdempotencyKey};
use shop_kit::peer::PeerError;

use super::{Outcome, Shelf};
use crate::cart::find;
use crate::error::known;
use crate::owner::Owner;

/// Put a guest's cart into the customer's.
#[utoipa::path(post, path = "/v1/cart/merge", params(("Idempotency-Key" = String, Header)), request_body = Merge,
    security(("user" = [])), responses(
    (status = 200, body = Cart),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer, or none of a guest", content_type = "application/problem+json"),
    (status = 409, description = "The cart would be too full, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn merge_cart(
    State(shelf): State<Shelf>,
    owner: Owner,
    key: IdempotencyKey,
    Body(merge): Body<Merge>,
) -> Outcome {
    let customer = owner.customer().ok_or_else(|| Problem::unauthorized("send Authorization: Bearer TOKEN"))?;
    let guest = Owner::of_token(&merge.cart_token)?;
    let call = key.call(&format!("customer {customer}"), &merge);
    let mut execution = match call.begin::<Problem>(&shelf.database, &shelf.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let outcome = shelf.changer.merge(execution.tx(), customer, &guest).await;
    execution.settle(StatusCode::OK, outcome).await.map(IntoResponse::into_response)
}

/// Ask what the cart costs: the signed quote that orders accept.
#[utoipa::path(post, path = "/v1/cart/quote", request_body = QuoteTerms,
    security(("user" = []), ("guest" = [])), responses(
    (status = 200, body = SignedQuote),
    (status = 401, description = "No valid token", content_type = "application/problem+json"),
    (status = 409, description = "The cart is empty, or the coupon is used up", content_type = "application/problem+json"),
    (status = 422, description = "A price, coupon, country or sum has no answer", content_type = "application/problem+json"),
    (status = 503, description = "Pricing gives no answer", content_type = "application/problem+json"),
))]
pub(super) async fn quote_cart(
    State(shelf): State<Shelf>,
    owner: Owner,
    Body(QuoteTerms { currency, country, coupon }): Body<QuoteTerms>,
) -> Outcome {
    let lines = find(&shelf.database, &owner).await?.cart.lines;
    if lines.is_empty() {
        return Err(known(ErrorCode::CartEmpty, "put something in first: PUT /v1/cart/items/{sku}"));
    }
    let lines = lines.into_iter().map(|l| QuoteLine { sku: l.sku, quantity: l.quantity }).collect();
    let request = QuoteRequest { lines, currency, country, coupon };
    let away = || Problem::unavailable("pricing gives no answer now", std::time::Duration::from_secs(1));
    let answer = shelf.pricing.call(Method::POST, "/v1/quotes", Some(&request)).await;
    let (status, body) = answer.map_err(|error| match error {
        PeerError::Withheld { .. } => away().withheld(),
        _ => away(),
    })?;
    if status == StatusCode::OK {
        let quote: SignedQuote = serde_json::from_slice(&body).map_err(|_| away())?;
        return Ok(Json(quote).into_response());
    }
    Err(refused(status, &body).unwrap_or_else(away))
}

/// Pricing's refusal in our catalogue's words; anything else is no answer.
fn refused(status: StatusCode, body: &[u8]) -> Option<Problem> {
    #[derive(Deserialize)]
    struct Said {
        r#type: String,
        detail: String,
    }
    let said: Said = serde_json::from_slice(body).ok()?;
    let slug = said.r#type.rsplit('/').next()?;
    let code = ErrorCode::ALL.iter().find(|code| code.slug() == slug && code.status() == status.as_u16())?;
    Some(known(*code, said.detail))
}
