//! The HTTP API of the catalog and its OpenAPI document, both from the same declarations.

mod administer;
mod browse;

use axum::{Json, Router};
use http::Method;
use shop_kit::auth::AdminToken;
use shop_kit::{Database, Priority};
use tower_http::compression::CompressionLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::change::Changer;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The catalog's own database.
    pub database: Database,
    /// Changes products.
    pub changer: Changer,
    /// Who may write.
    pub admin: AdminToken,
}

/// How much a request matters: people browse, administrators wait for their writes.
pub fn priority(method: &Method, _route: &str) -> Priority {
    if method.is_safe() { Priority::Normal } else { Priority::High }
}

/// All routes, `/openapi.json` among them.
pub fn router(catalog: Catalog) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(catalog).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Catalog> {
    // Listings are long and compress well; single products carry strong tags, which encodings would break.
    let listings = OpenApiRouter::new()
        .routes(routes!(browse::list_products))
        .routes(routes!(browse::list_categories))
        .layer(CompressionLayer::new());
    OpenApiRouter::new()
        .routes(routes!(administer::create_product))
        .routes(routes!(browse::get_product, administer::change_product, administer::retire_product))
        .merge(listings)
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("catalog")
        .description(Some("Products, variants, categories and search."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("admin".to_owned(), bearer.into());
    api
}
