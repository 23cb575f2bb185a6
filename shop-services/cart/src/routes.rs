//! The HTTP API of cart and its OpenAPI document, both from the same declarations.

mod fill;
mod settle;

use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::{Method, header};
use shop_kit::access::Access;
use shop_kit::peer::Peer;
use shop_kit::{Database, Identity, Priority, Problem};
use shop_metrics::Events;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::cart::Versioned;
use crate::change::Changer;
use crate::owner::CART_TOKEN;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// Cart's own database.
    pub database: Database,
    /// Changes carts.
    pub changer: Changer,
    /// Ids of guests, and times.
    pub identity: Identity,
    /// Who the customer is.
    pub access: Access,
    /// Idempotency counts.
    pub events: Events,
    /// Who says what a cart costs.
    pub pricing: Peer,
}

type Outcome = Result<Response, Problem>;

/// How much a request matters: who is about to buy comes before who collects.
pub fn priority(method: &Method, route: &str) -> Priority {
    match (method.is_safe(), route) {
        (true, _) => Priority::Normal,
        (false, "/v1/cart/quote") => Priority::Critical,
        (false, _) => Priority::High,
    }
}

/// All routes, `/openapi.json` among them.
pub fn router(shelf: Shelf) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(shelf).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Shelf> {
    OpenApiRouter::new()
        .routes(routes!(fill::get_cart))
        .routes(routes!(fill::put_item, fill::delete_item))
        .routes(routes!(settle::merge_cart))
        .routes(routes!(settle::quote_cart))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("cart")
        .description(Some("Carts of guests and customers, and what they would cost."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let guest = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(CART_TOKEN)));
    let schemes = &mut api.components.get_or_insert_default().security_schemes;
    schemes.insert("user".to_owned(), bearer.into());
    schemes.insert("guest".to_owned(), guest.into());
    api
}

/// A cart with its entity tag.
fn tagged(versioned: Versioned) -> Response {
    ([(header::ETAG, versioned.tag().value())], Json(versioned.cart)).into_response()
}
