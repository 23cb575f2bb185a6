//! The HTTP API of payments and its OpenAPI document, both from the same declarations.

mod notices;
mod pay;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use axum::{Json, Router};
use http::Method;
use http::request::Parts;
use shop_kit::auth::Callers;
use shop_kit::webhook::WebhookKey;
use shop_kit::{Database, Identity, Priority, Problem};
use shop_metrics::Events;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::drive::Driver;
use crate::settle::Settler;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Paying {
    /// Payments' own database.
    pub database: Database,
    /// Ids and times.
    pub identity: Identity,
    /// Which services may pay.
    pub callers: Callers,
    /// Idempotency counts.
    pub events: Events,
    /// Asks the provider.
    pub driver: Arc<Driver>,
    /// Writes outcomes down.
    pub settler: Settler,
    /// Checks the provider's notices.
    pub notices: WebhookKey,
}

type Outcome = Result<Response, Problem>;

/// How much a request matters: what the provider tells comes last to be turned away.
pub fn priority(method: &Method, _route: &str) -> Priority {
    if method.is_safe() { Priority::High } else { Priority::Critical }
}

/// All routes, `/openapi.json` among them.
pub fn router(paying: Paying) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(paying).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Paying> {
    OpenApiRouter::new()
        .routes(routes!(pay::authorize))
        .routes(routes!(pay::get_payment))
        .routes(routes!(pay::capture))
        .routes(routes!(pay::void))
        .routes(routes!(pay::refund))
        .routes(routes!(notices::take_notice))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("payments")
        .description(Some("Payments by order, from authorization to refund."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("service".to_owned(), bearer.into());
    api
}

/// The orders service, which alone may pay.
struct OrdersOnly(String);

impl FromRequestParts<Paying> for OrdersOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, paying: &Paying) -> Result<Self, Problem> {
        paying.callers.check(parts, &["orders"]).map(|name| Self(name.to_owned()))
    }
}
