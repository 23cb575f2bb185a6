//! The HTTP API of inventory and its OpenAPI document, both from the same declarations.

mod levels;
mod reservations;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::Response;
use axum::{Json, Router};
use http::Method;
use http::request::Parts;
use shop_kit::auth::{AdminToken, Callers};
use shop_kit::{Database, Priority, Problem};
use shop_metrics::{Events, Stock};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::stock::Teller;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Inventory's own database.
    pub database: Database,
    /// Who may adjust.
    pub admin: AdminToken,
    /// Which services may reserve.
    pub callers: Callers,
    /// Idempotency counts.
    pub events: Events,
    /// Rejection counts.
    pub stock: Stock,
    /// Ids, times, and what is low.
    pub teller: Teller,
    /// How long stock is set aside.
    pub ttl: Duration,
}

type Outcome = Result<Response, Problem>;

/// How much a request matters: what is promised is settled before more is promised, and both before looking.
pub fn priority(method: &Method, route: &str) -> Priority {
    match (method.is_safe(), route) {
        (true, _) => Priority::Normal,
        (false, "/v1/reservations/{id}/commit" | "/v1/reservations/{id}/release") => Priority::Critical,
        (false, _) => Priority::High,
    }
}

/// All routes, `/openapi.json` among them.
pub fn router(inventory: Inventory) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(inventory).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Inventory> {
    OpenApiRouter::new()
        .routes(routes!(levels::list_levels))
        .routes(routes!(levels::adjust))
        .routes(routes!(reservations::reserve))
        .routes(routes!(reservations::commit))
        .routes(routes!(reservations::release))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("inventory")
        .description(Some("Stock, reservations that expire, and adjustments."))
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

impl FromRequestParts<Inventory> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, inventory: &Inventory) -> Result<Self, Problem> {
        inventory.admin.check(&parts.headers).map(Self)
    }
}

/// The orders service, which alone may reserve and settle.
struct OrdersOnly(String);

impl FromRequestParts<Inventory> for OrdersOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, inventory: &Inventory) -> Result<Self, Problem> {
        inventory.callers.check(parts, &["orders"]).map(|name| Self(name.to_owned()))
    }
}
