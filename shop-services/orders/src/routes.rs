//! The HTTP API of orders and its OpenAPI document, both from the same declarations.

mod administer;
mod buy;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use shop_kit::access::Access;
use shop_kit::auth::AdminToken;
use shop_kit::idempotency::Stored;
use shop_kit::keys::Keys;
use shop_kit::{Database, Identity, Priority, Problem};
use shop_metrics::{Events, Orders};
use tokio::sync::Notify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::kill::KillPoint;
use crate::place::Changer;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Ordering {
    /// Orders' own database.
    pub database: Database,
    /// Changes orders.
    pub changer: Changer,
    /// Times.
    pub identity: Identity,
    /// Who the customer is.
    pub access: Access,
    /// Who may ship, refund and decide.
    pub admin: AdminToken,
    /// Checks quotes.
    pub quotes: Keys,
    /// Idempotency counts.
    pub events: Events,
    /// States reached.
    pub counts: Orders,
    /// Wakes the worker.
    pub wake: Arc<Notify>,
    /// Where a test ends the process.
    pub kill: KillPoint,
}

type Outcome = Result<Response, Problem>;

/// How much a request matters: who buys comes before who looks.
pub fn priority(method: &Method, route: &str) -> Priority {
    match (method.is_safe(), route) {
        (true, _) => Priority::Normal,
        (false, "/v1/orders" | "/v1/orders/{id}/cancel") => Priority::Critical,
        (false, _) => Priority::High,
    }
}

/// All routes, `/openapi.json` among them.
pub fn router(ordering: Ordering) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(ordering).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Ordering> {
    OpenApiRouter::new()
        .routes(routes!(buy::place_order, buy::list_orders))
        .routes(routes!(buy::get_order))
        .routes(routes!(buy::cancel_order))
        .routes(routes!(administer::ship_order))
        .routes(routes!(administer::refund_order))
        .routes(routes!(administer::list_reviews))
        .routes(routes!(administer::decide_review))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("orders")
        .description(Some("Orders, from a signed quote to the confirmed order or to nothing."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    for scheme in ["user", "admin"] {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        api.components.get_or_insert_default().security_schemes.insert(scheme.to_owned(), bearer.into());
    }
    api
}

/// The customer who calls; taken first, so that strangers learn nothing from later errors.
struct Customer(Uuid);

impl FromRequestParts<Ordering> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ordering: &Ordering) -> Result<Self, Problem> {
        ordering.access.check(&parts.headers, ordering.identity.now()).await.map(Self)
    }
}

/// Proof that the request carries the admin token; taken first as well.
struct Admin(());

impl FromRequestParts<Ordering> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ordering: &Ordering) -> Result<Self, Problem> {
        ordering.admin.check(&parts.headers).map(Self)
    }
}

/// An answer that says where to look for what becomes of the order.
fn located(stored: Stored) -> Response {
    #[derive(Deserialize)]
    struct Named {
        id: Uuid,
    }
    let place = serde_json::from_slice::<Named>(&stored.body).map(|named| format!("/v1/orders/{}", named.id));
    let mut response = stored.into_response();
    if let Some(place) = place.ok().and_then(|place| HeaderValue::from_str(&place).ok()) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
