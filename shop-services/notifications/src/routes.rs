//! The HTTP API of notifications and its OpenAPI document, both from the same declarations.

use axum::extract::{FromRequestParts, State};
use axum::{Json, Router};
use http::Method;
use http::request::Parts;
use serde::Deserialize;
use shop_contracts::notifications::{NotificationState, Notifications};
use shop_kit::auth::AdminToken;
use shop_kit::extract::Query;
use shop_kit::{Database, Priority, Problem};
use utoipa::IntoParams;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::message;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Office {
    /// Notifications' own database.
    pub database: Database,
    /// Who may look.
    pub admin: AdminToken,
}

/// How much a request matters: nobody buys here.
pub fn priority(_method: &Method, _route: &str) -> Priority {
    Priority::High
}

/// All routes, `/openapi.json` among them.
pub fn router(office: Office) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(office).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Office> {
    OpenApiRouter::new().routes(routes!(list_notifications))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("notifications")
        .description(Some("Messages about orders, and each attempt to deliver them."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("admin".to_owned(), bearer.into());
    api
}

/// Proof that the request carries the admin token; taken first, so that strangers learn nothing from later errors.
struct Admin(());

impl FromRequestParts<Office> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Problem> {
        office.admin.check(&parts.headers).map(Self)
    }
}

/// Which messages to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Only those about this order.
    order: Option<Uuid>,
    /// Only those in this state.
    state: Option<NotificationState>,
}

/// List messages with their attempts, the youngest first, at most 100.
#[utoipa::path(get, path = "/v1/notifications", security(("admin" = [])), responses(
    (status = 200, body = Notifications),
    (status = 400, description = "Not an order's id, or no state", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
))]
async fn list_notifications(
    State(office): State<Office>,
    _admin: Admin,
    Query(listing): Query<Listing>,
) -> Result<Json<Notifications>, Problem> {
    let Listing { order, state } = listing;
    Ok(Json(Notifications { items: message::list(&office.database, order, state).await? }))
}
