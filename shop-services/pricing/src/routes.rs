//! The HTTP API of pricing and its OpenAPI document, both from the same declarations.

mod ask;
mod coupons;
mod lists;
mod promotions;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::Response;
use axum::{Json, Router};
use http::Method;
use http::request::Parts;
use shop_kit::auth::{AdminToken, Callers};
use shop_kit::signature::Signer;
use shop_kit::{Database, Identity, Priority, Problem};
use shop_metrics::Events;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Pricing {
    /// Pricing's own database.
    pub database: Database,
    /// Ids and times.
    pub identity: Identity,
    /// Who may set prices.
    pub admin: AdminToken,
    /// Which services may ask.
    pub callers: Callers,
    /// Idempotency counts.
    pub events: Events,
    /// Signs quotes.
    pub signer: Signer,
    /// How long a quote binds.
    pub quote_ttl: Duration,
}

type Outcome = Result<Response, Problem>;

/// How much a request matters: an order that redeems comes before a basket, a basket before a page.
pub fn priority(method: &Method, route: &str) -> Priority {
    match (method, route) {
        (&Method::POST, "/v1/redemptions") => Priority::Critical,
        (&Method::POST, _) => Priority::High,
        _ => Priority::Normal,
    }
}

/// All routes, `/openapi.json` among them.
pub fn router(pricing: Pricing) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(pricing).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Pricing> {
    OpenApiRouter::new()
        .routes(routes!(ask::make_quote))
        .routes(routes!(ask::redeem))
        .routes(routes!(ask::upcoming_events))
        .routes(routes!(ask::keys))
        .merge(shelves())
}

/// What administrators set and anyone looks at.
fn shelves() -> OpenApiRouter<Pricing> {
    OpenApiRouter::new()
        .routes(routes!(lists::list_prices, lists::set_price))
        .routes(routes!(lists::set_rate))
        .routes(routes!(promotions::list_promotions, promotions::create_promotion))
        .routes(routes!(promotions::get_promotion, promotions::change_promotion, promotions::withdraw_promotion))
        .routes(routes!(coupons::create_coupon))
        .routes(routes!(coupons::get_coupon, coupons::withdraw_coupon))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("pricing")
        .description(Some("Prices, promotions, coupons, delivery and tax, and signed quotes."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    for scheme in ["admin", "service"] {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        api.components.get_or_insert_default().security_schemes.insert(scheme.to_owned(), bearer.into());
    }
    api
}

/// Proof that the request carries the admin token; taken first, so that strangers learn nothing from later errors.
struct Admin(());

impl FromRequestParts<Pricing> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, pricing: &Pricing) -> Result<Self, Problem> {
        pricing.admin.check(&parts.headers).map(Self)
    }
}

/// The calling service, one of those that may ask for quotes.
struct Asker(());

impl FromRequestParts<Pricing> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, pricing: &Pricing) -> Result<Self, Problem> {
        service(pricing, parts, &["cart", "gateway", "orders"]).map(|_| Self(()))
    }
}

/// The orders service, which alone may redeem.
struct OrdersOnly(String);

impl FromRequestParts<Pricing> for OrdersOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, pricing: &Pricing) -> Result<Self, Problem> {
        service(pricing, parts, &["orders"]).map(Self)
    }
}

/// The operator, which alone reads the calendar of events.
struct OperatorOnly(());

impl FromRequestParts<Pricing> for OperatorOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, pricing: &Pricing) -> Result<Self, Problem> {
        service(pricing, parts, &["presale"]).map(|_| Self(()))
    }
}

fn service(pricing: &Pricing, parts: &Parts, allowed: &[&str]) -> Result<String, Problem> {
    pricing.callers.check(parts, allowed).map(str::to_owned)
}
