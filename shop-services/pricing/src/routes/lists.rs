//! Price lists and rates: read by anyone, set by administrators.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shop_contracts::money::Currency;
use shop_contracts::pricing::{NewPrice, Price, Rate};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Query};
use utoipa::IntoParams;

use super::{Admin, Outcome, Pricing};
use crate::quote::discounted;
use crate::{price, promotion, validate};

/// Which prices to read.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// 1..=100 SKUs, separated by commas.
    sku: String,
    /// Code of ISO 4217.
    currency: String,
}

/// Prices of the SKUs asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Prices {
    /// In the order of the SKUs; those without a price are left out.
    items: Vec<Price>,
}

/// Read what SKUs cost now.
#[utoipa::path(get, path = "/v1/prices", responses(
    (status = 200, body = Prices),
    (status = 400, description = "Bad query or currency", content_type = "application/problem+json"),
    (status = 422, description = "A SKU out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn list_prices(State(pricing): State<Pricing>, Query(wanted): Query<Wanted>) -> Outcome {
    let currency = Currency::of(&wanted.currency)
        .ok_or_else(|| Problem::bad_request("currency is none that the shop knows; EUR is one"))?;
    let skus: Vec<String> = wanted.sku.split(',').map(str::to_owned).collect();
    validate::distinct_skus("sku", &skus, 1)?;
    let now = pricing.identity.now();
    let mut connection = pricing.database.connection().await?;
    let lists = price::list(&pricing.database, &mut connection, &skus, currency, now).await?;
    let promotions = promotion::current(&pricing.database, &mut connection, now).await?;
    let mut items = Vec::with_capacity(lists.len());
    for sku in skus {
        if let Some(list) = lists.get(&sku).copied() {
            let now = discounted(&sku, list, &promotions, now)?;
            items.push(Price { sku, list, now });
        }
    }
    Ok(Json(Prices { items }).into_response())
}

/// Set a price.
#[utoipa::path(post, path = "/v1/prices", request_body = NewPrice, security(("admin" = [])), responses(
    (status = 201, body = NewPrice),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn set_price(State(pricing): State<Pricing>, _admin: Admin, Body(price): Body<NewPrice>) -> Outcome {
    validate::price(&price)?;
    let now = pricing.identity.now();
    let set = price::set(&pricing.database, pricing.identity.mint(now), now, &price).await?;
    let answer = NewPrice { sku: set.sku, price: set.price, valid_from: Some(set.valid_from) };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Set delivery and tax of a country.
#[utoipa::path(post, path = "/v1/rates", request_body = Rate, security(("admin" = [])), responses(
    (status = 201, body = Rate),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn set_rate(State(pricing): State<Pricing>, _admin: Admin, Body(rate): Body<Rate>) -> Outcome {
    validate::rate(&rate)?;
    price::set_rate(&pricing.database, pricing.identity.now(), &rate).await?;
    Ok((StatusCode::CREATED, Json(rate)).into_response())
}
