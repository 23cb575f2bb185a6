//! What administrators may write, each behind the bearer token and, for what exists, a condition.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use shop_contracts::catalog::{NewProduct, Product, ProductPatch};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::precondition::{EntityTag, IfMatch};
use uuid::Uuid;

use super::Catalog;
use crate::change::not_found;
use crate::error::Refusal;
use crate::{read, validate};

type Outcome = Result<Response, Refusal>;

/// Proof that the request carries the admin token; taken first, so that strangers learn nothing from later errors.
pub(super) struct Admin(());

impl FromRequestParts<Catalog> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, catalog: &Catalog) -> Result<Self, Problem> {
        catalog.admin.check(&parts.headers).map(Self)
    }
}

/// Create a product.
#[utoipa::path(post, path = "/v1/products", request_body = NewProduct, security(("admin" = [])), responses(
    (status = 201, body = Product, headers(("ETag" = String), ("Location" = String))),
    (status = 400, description = "Unknown category", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 409, description = "SKU taken", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn create_product(
    State(catalog): State<Catalog>,
    _admin: Admin,
    Body(product): Body<NewProduct>,
) -> Outcome {
    validate::new_product(&product)?;
    let id = catalog.changer.create(&product).await?;
    let location = HeaderValue::from_str(&format!("/v1/products/{id}")).map_err(|_| Problem::internal())?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], current(&catalog, id).await?).into_response())
}

/// Change a product: what is absent stays.
#[utoipa::path(patch, path = "/v1/products/{id}", params(("id" = Uuid, Path), ("If-Match" = String, Header)),
    request_body = ProductPatch, security(("admin" = [])), responses(
    (status = 200, body = Product, headers(("ETag" = String))),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such product", content_type = "application/problem+json"),
    (status = 409, description = "SKU taken", content_type = "application/problem+json"),
    (status = 412, description = "Changed since it was read", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn change_product(
    State(catalog): State<Catalog>,
    _admin: Admin,
    Path(id): Path<Uuid>,
    seen: IfMatch,
    Body(patch): Body<ProductPatch>,
) -> Outcome {
    validate::patch(&patch)?;
    catalog.changer.update(id, &seen, &patch).await?;
    current(&catalog, id).await
}

/// Retire a product: it is neither listed nor found any more, and its SKUs stay taken.
#[utoipa::path(delete, path = "/v1/products/{id}", params(("id" = Uuid, Path), ("If-Match" = String, Header)),
    security(("admin" = [])), responses(
    (status = 204, description = "Retired"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such product", content_type = "application/problem+json"),
    (status = 412, description = "Changed since it was read", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn retire_product(
    State(catalog): State<Catalog>,
    _admin: Admin,
    Path(id): Path<Uuid>,
    seen: IfMatch,
) -> Outcome {
    catalog.changer.retire(id, &seen).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn current(catalog: &Catalog, id: Uuid) -> Outcome {
    let mut connection = catalog.database.connection().await?;
    let found = read::product(&catalog.database, &mut connection, id).await?.ok_or_else(|| not_found(id))?;
    let tag = EntityTag::of_version(found.version);
    Ok(([(header::ETAG, tag.value())], Json(found.product)).into_response())
}
