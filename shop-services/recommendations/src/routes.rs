//! The HTTP API of recommendations and its OpenAPI document, both from the same declarations.

use axum::extract::{FromRequestParts, State};
use axum::{Json, Router};
use http::Method;
use http::request::Parts;
use serde::Deserialize;
use shop_contracts::recommendations::{DEFAULT_LIMIT, MAX_LIMIT, Recommendations};
use shop_kit::access::Access;
use shop_kit::extract::Query;
use shop_kit::{Clock, Database, Priority, Problem};
use utoipa::IntoParams;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::read;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Counter {
    /// Recommendations' own database.
    pub database: Database,
    /// Who the customer is.
    pub access: Access,
    /// Tells whether a token is valid now.
    pub clock: Clock,
    /// Where answers come from.
    pub metrics: shop_metrics::Recommendations,
}

type Outcome = Result<Json<Recommendations>, Problem>;

/// How much a request matters: a page without recommendations is a page all the same.
pub fn priority(_method: &Method, _route: &str) -> Priority {
    Priority::Low
}

/// All routes, `/openapi.json` among them.
pub fn router(counter: Counter) -> Router {
    let (router, api) = parts().split_for_parts();
    let document = described(api);
    router.with_state(counter).route("/openapi.json", axum::routing::get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> OpenApi {
    described(parts().into_openapi())
}

fn parts() -> OpenApiRouter<Counter> {
    OpenApiRouter::new().routes(routes!(beside_product)).routes(routes!(for_me))
}

fn described(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("recommendations")
        .description(Some("Products that go with one, or with what a customer took."))
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("user".to_owned(), bearer.into());
    api
}

/// The customer who calls; taken first, so that strangers learn nothing from later errors.
struct Customer(Uuid);

impl FromRequestParts<Counter> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, counter: &Counter) -> Result<Self, Problem> {
        counter.access.check(&parts.headers, counter.clock.now()).await.map(Self)
    }
}

/// What to recommend for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Beside {
    /// The product that is looked at.
    product: Uuid,
    /// Products at most, 1..=50, 10 where absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// How much to recommend.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Length {
    /// Products at most, 1..=50, 10 where absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Recommend what goes with a product; of one that is not known, what many take.
#[utoipa::path(get, path = "/v1/recommendations", responses(
    (status = 200, body = Recommendations),
    (status = 400, description = "No product's id, or a bad limit", content_type = "application/problem+json"),
))]
async fn beside_product(State(counter): State<Counter>, Query(beside): Query<Beside>) -> Outcome {
    let limit = bounded(beside.limit)?;
    Ok(counted(&counter, read::beside(&counter.database, beside.product, limit).await?))
}

/// Recommend what goes with that which the caller collected and bought.
#[utoipa::path(get, path = "/v1/recommendations/me", security(("user" = [])), responses(
    (status = 200, body = Recommendations),
    (status = 400, description = "A bad limit", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
))]
async fn for_me(State(counter): State<Counter>, Customer(customer): Customer, Query(length): Query<Length>) -> Outcome {
    let limit = bounded(length.limit)?;
    Ok(counted(&counter, read::for_customer(&counter.database, customer, limit).await?))
}

fn bounded(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::bad_request(format!("limit is {limit}; 1 to {MAX_LIMIT} pass")))
}

fn counted(counter: &Counter, found: Recommendations) -> Json<Recommendations> {
    counter.metrics.answered(found.source.name());
    Json(found)
}
