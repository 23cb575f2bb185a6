//! Promotions: listed for anyone, run and changed by administrators.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use shop_contracts::pricing::{NewPromotion, Promotion, PromotionPatch};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::precondition::{EntityTag, IfMatch};
use uuid::Uuid;

use super::{Admin, Outcome, Pricing};
use crate::promotion::{self, Versioned};
use crate::validate;

/// Promotions that run and those to come.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Promotions {
    /// The next first.
    items: Vec<Promotion>,
}

/// List promotions that run and those to come.
#[utoipa::path(get, path = "/v1/promotions", responses((status = 200, body = Promotions)))]
pub(super) async fn list_promotions(State(pricing): State<Pricing>) -> Outcome {
    let mut connection = pricing.database.connection().await?;
    let items = promotion::current(&pricing.database, &mut connection, pricing.identity.now()).await?;
    Ok(Json(Promotions { items }).into_response())
}

/// Run a promotion.
#[utoipa::path(post, path = "/v1/promotions", request_body = NewPromotion, security(("admin" = [])), responses(
    (status = 201, body = Promotion, headers(("ETag" = String), ("Location" = String))),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn create_promotion(
    State(pricing): State<Pricing>,
    _admin: Admin,
    Body(new): Body<NewPromotion>,
) -> Outcome {
    validate::promotion(&new)?;
    let id = pricing.identity.mint(pricing.identity.now());
    let created = promotion::create(&pricing.database, id, &new).await?;
    let location = HeaderValue::from_str(&format!("/v1/promotions/{id}")).map_err(|_| Problem::internal())?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tagged(created)).into_response())
}

/// Read one promotion.
#[utoipa::path(get, path = "/v1/promotions/{id}", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Promotion, headers(("ETag" = String))),
    (status = 404, description = "No such promotion", content_type = "application/problem+json"),
))]
pub(super) async fn get_promotion(State(pricing): State<Pricing>, Path(id): Path<Uuid>) -> Outcome {
    Ok(tagged(promotion::read(&pricing.database, id).await?).into_response())
}

/// Change a promotion: what is absent stays.
#[utoipa::path(patch, path = "/v1/promotions/{id}", params(("id" = Uuid, Path), ("If-Match" = String, Header)),
    request_body = PromotionPatch, security(("admin" = [])), responses(
    (status = 200, body = Promotion, headers(("ETag" = String))),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such promotion", content_type = "application/problem+json"),
    (status = 412, description = "Changed since it was read", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn change_promotion(
    State(pricing): State<Pricing>,
    _admin: Admin,
    Path(id): Path<Uuid>,
    seen: IfMatch,
    Body(patch): Body<PromotionPatch>,
) -> Outcome {
    validate::patch(&patch)?;
    Ok(tagged(promotion::change(&pricing.database, id, &seen, patch).await?).into_response())
}

/// Withdraw a promotion.
#[utoipa::path(delete, path = "/v1/promotions/{id}", params(("id" = Uuid, Path), ("If-Match" = String, Header)),
    security(("admin" = [])), responses(
    (status = 204, description = "Withdrawn"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such promotion", content_type = "application/problem+json"),
    (status = 412, description = "Changed since it was read", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn withdraw_promotion(
    State(pricing): State<Pricing>,
    _admin: Admin,
    Path(id): Path<Uuid>,
    seen: IfMatch,
) -> Outcome {
    promotion::withdraw(&pricing.database, id, &seen, pricing.identity.now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn tagged(found: Versioned) -> impl IntoResponse {
    ([(header::ETAG, EntityTag::of_version(found.version).value())], Json(found.promotion))
}
