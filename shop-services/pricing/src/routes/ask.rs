//! What services ask: quotes, redemptions, the calendar of events, the keys that check quotes.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Serialize;
use shop_contracts::ErrorCode;
use shop_contracts::event::CouponRedeemed;
use shop_contracts::pricing::{
    NewCoupon, Promotion, QUOTE_TYPE, Quote, QuoteRequest, Redemption, RedemptionRequest, SignedQuote,
};
use shop_kit::Problem;
use shop_kit::extract::Json as Body;
use shop_kit::idempotency::{Begun, IdempotencyKey};
use shop_kit::signature::{self, PublicKey, SignatureError};

use super::{Asker, OperatorOnly, OrdersOnly, Outcome, Pricing};
use crate::error::known;
use crate::quote::{Basis, quote};
use crate::{coupon, price, promotion, settle, validate};

/// Ask what a basket costs. The answer is signed; orders accept nothing else.
#[utoipa::path(post, path = "/v1/quotes", request_body = QuoteRequest, security(("service" = [])), responses(
    (status = 200, body = SignedQuote),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Not for this service", content_type = "application/problem+json"),
    (status = 422, description = "A field, price, coupon, country or sum has no answer", content_type = "application/problem+json"),
))]
pub(super) async fn make_quote(
    State(pricing): State<Pricing>,
    _asker: Asker,
    Body(request): Body<QuoteRequest>,
) -> Outcome {
    validate::request(&request)?;
    let now = pricing.identity.now();
    let basis = basis(&pricing, &request, now).await?;
    let quote = quote(pricing.identity.mint(now), &request, &basis)?;
    let token = pricing.signer.sign(&quote).map_err(|_| Problem::internal())?;
    Ok(Json(SignedQuote { quote, token }).into_response())
}

async fn basis(pricing: &Pricing, request: &QuoteRequest, at: jiff::Timestamp) -> Result<Basis, Problem> {
    let db = &pricing.database;
    let mut connection = db.connection().await?;
    let skus: Vec<String> = request.lines.iter().map(|l| l.sku.clone()).collect();
    let coupon = match &request.coupon {
        None => None,
        Some(code) => coupon::find(db, &mut connection, code).await?.map(|found| usable(found.coupon)).transpose()?,
    };
    Ok(Basis {
        prices: price::list(db, &mut connection, &skus, request.currency, at).await?,
        promotions: promotion::current(db, &mut connection, at).await?,
        coupon,
        rate: price::rate(db, &mut connection, &request.country, request.currency, at).await?,
        at,
        ttl: pricing.quote_ttl,
    })
}

/// A coupon that is used up is said to be so at once, not only when the order redeems it.
fn usable(coupon: shop_contracts::pricing::Coupon) -> Result<NewCoupon, Problem> {
    let shop_contracts::pricing::Coupon { code, value, max_redemptions, redeemed, starts_at, ends_at } = coupon;
    if redeemed >= max_redemptions {
        return Err(known(ErrorCode::CouponUsedUp, format!("{code} is used up; quote without it")));
    }
    Ok(NewCoupon { code, value, max_redemptions, starts_at, ends_at })
}

/// Redeem the coupon of a quote for an order.
#[utoipa::path(post, path = "/v1/redemptions", params(("Idempotency-Key" = String, Header)),
    request_body = RedemptionRequest, security(("service" = [])), responses(
    (status = 200, body = Redemption),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may redeem", content_type = "application/problem+json"),
    (status = 409, description = "Used up, order cancelled, quote expired, or still running", content_type = "application/problem+json"),
    (status = 422, description = "Not a genuine quote, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn redeem(
    State(pricing): State<Pricing>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Body(request): Body<RedemptionRequest>,
) -> Outcome {
    let db = &pricing.database;
    let mut execution = match key.call(&caller, &request).begin::<Problem>(db, &pricing.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let outcome = redemption(&pricing, execution.tx(), request).await;
    execution.settle(StatusCode::OK, outcome).await.map(IntoResponse::into_response)
}

async fn redemption(
    pricing: &Pricing,
    tx: &mut sqlx::PgConnection,
    request: RedemptionRequest,
) -> Result<Redemption, Problem> {
    let now = pricing.identity.now();
    let keys = [pricing.signer.public_key()];
    let quote: Quote = signature::verify(&request.quote, QUOTE_TYPE, &keys).map_err(not_genuine)?;
    if now.as_second() >= quote.exp {
        return Err(known(ErrorCode::QuoteExpired, format!("quote {} bound until {}; ask again", quote.id, quote.exp)));
    }
    let order_id = request.order_id;
    if let Some(code) = &quote.coupon {
        let redeemed = CouponRedeemed { order_id, code: code.clone() };
        let event = settle::told(pricing.identity.mint(now), now, &redeemed)?;
        settle::redeem(&pricing.database, tx, &redeemed, &event, pricing.quote_ttl).await?;
    }
    Ok(Redemption { order_id, code: quote.coupon })
}

fn not_genuine(error: SignatureError) -> Problem {
    known(ErrorCode::QuoteInvalid, format!("{error}; pass the token of a quote unchanged"))
}

/// Promotions to expect load from.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Upcoming {
    /// Those that run and those to come, the next first.
    items: Vec<Promotion>,
}

/// Read the calendar: a hint for whoever plans capacity.
#[utoipa::path(get, path = "/v1/events/upcoming", security(("service" = [])), responses(
    (status = 200, body = Upcoming),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only presale reads it", content_type = "application/problem+json"),
))]
pub(super) async fn upcoming_events(State(pricing): State<Pricing>, _operator: OperatorOnly) -> Outcome {
    let mut connection = pricing.database.connection().await?;
    let items = promotion::current(&pricing.database, &mut connection, pricing.identity.now()).await?;
    Ok(Json(Upcoming { items }).into_response())
}

/// Keys that check quotes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Keys {
    /// JSON Web Keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<PublicKey>,
}

/// Read the public keys that check quotes.
#[utoipa::path(get, path = "/.well-known/jwks.json", responses((status = 200, body = Keys)))]
pub(super) async fn keys(State(pricing): State<Pricing>) -> Json<Keys> {
    Json(Keys { keys: vec![pricing.signer.public_key()] })
}
