//! Coupons, handed out, looked up and withdrawn by administrators.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use shop_contracts::pricing::{Coupon, NewCoupon};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::precondition::{EntityTag, IfMatch};

use super::{Admin, Outcome, Pricing};
use crate::coupon::{self, Versioned};
use crate::validate;

/// Hand out a coupon.
#[utoipa::path(post, path = "/v1/coupons", request_body = NewCoupon, security(("admin" = [])), responses(
    (status = 201, body = Coupon, headers(("ETag" = String), ("Location" = String))),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 409, description = "The code is taken", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn create_coupon(
    State(pricing): State<Pricing>,
    _admin: Admin,
    Body(new): Body<NewCoupon>,
) -> Outcome {
    validate::coupon(&new)?;
    let created = coupon::create(&pricing.database, &new).await?;
    let location = HeaderValue::from_str(&format!("/v1/coupons/{}", new.code)).map_err(|_| Problem::internal())?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tagged(created)).into_response())
}

/// Read one coupon.
#[utoipa::path(get, path = "/v1/coupons/{code}", params(("code" = String, Path)), security(("admin" = [])), responses(
    (status = 200, body = Coupon, headers(("ETag" = String))),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such coupon", content_type = "application/problem+json"),
    (status = 422, description = "No code of a coupon", content_type = "application/problem+json"),
))]
pub(super) async fn get_coupon(State(pricing): State<Pricing>, _admin: Admin, Path(code): Path<String>) -> Outcome {
    validate::code(&code)?;
    let mut connection = pricing.database.connection().await?;
    let found = coupon::find(&pricing.database, &mut connection, &code).await?;
    Ok(tagged(found.ok_or_else(|| coupon::not_found(&code))?).into_response())
}

/// Withdraw a coupon; orders that redeemed it keep their discount.
#[utoipa::path(delete, path = "/v1/coupons/{code}", params(("code" = String, Path), ("If-Match" = String, Header)),
    security(("admin" = [])), responses(
    (status = 204, description = "Withdrawn"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such coupon", content_type = "application/problem+json"),
    (status = 412, description = "Changed since it was read", content_type = "application/problem+json"),
    (status = 422, description = "No code of a coupon", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn withdraw_coupon(
    State(pricing): State<Pricing>,
    _admin: Admin,
    Path(code): Path<String>,
    seen: IfMatch,
) -> Outcome {
    validate::code(&code)?;
    coupon::withdraw(&pricing.database, &code, &seen, pricing.identity.now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn tagged(found: Versioned) -> impl IntoResponse {
    ([(header::ETAG, EntityTag::of_version(found.version).value())], Json(found.coupon))
}
