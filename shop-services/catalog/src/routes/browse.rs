//! What anyone may read: listings, searches, categories and single products.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use shop_contracts::catalog::{Category, DEFAULT_LIMIT, MAX_LIMIT, MAX_QUERY, Product, ProductPage};
use shop_kit::extract::{Path, Query};
use shop_kit::precondition::{EntityTag, IfNoneMatch};
use shop_kit::{Database, Problem};
use utoipa::IntoParams;
use uuid::Uuid;

use super::Catalog;
use crate::change::{not_found, unknown_category};
use crate::cursor::{self, Cursor};
use crate::error::Refusal;
use crate::read::{self, Page};
use crate::validate;

/// Which products to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows at most, 1..=100, 24 where absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Slug of a category or department.
    category: Option<String>,
    /// Search text, at most 100 characters; quotes, `or` and `-` as in web searches.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// List or search products.
#[utoipa::path(get, path = "/v1/products", responses(
    (status = 200, body = ProductPage),
    (status = 400, description = "Bad limit, cursor, category or search text", content_type = "application/problem+json"),
))]
pub(super) async fn list_products(
    State(catalog): State<Catalog>,
    Query(listing): Query<Listing>,
) -> Result<Json<ProductPage>, Refusal> {
    let limit = listing.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is {limit}; 1 to {MAX_LIMIT} pass")).into());
    }
    let cursor = listing.cursor.as_deref().map(Cursor::decode).transpose()?;
    let categories = match &listing.category {
        None => None,
        Some(slug) => Some(category_tree(&catalog.database, slug).await?),
    };
    // One row more than asked tells whether there is a next page.
    let page = Page { limit: limit + 1, categories: categories.as_deref() };
    let mut rows = match listing.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        None => read::newest(&catalog.database, page, after_newest(cursor)?).await?,
        Some(q) => {
            search_text(q)?;
            read::search(&catalog.database, q, page, after_ranked(cursor)?).await?
        }
    };
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let searching = listing.q.is_some_and(|q| !q.trim().is_empty());
    let next_cursor = rows.last().filter(|_| more).map(|last| {
        let id = last.summary.id;
        if searching { Cursor::Ranked(last.rank, id) } else { Cursor::Newest(id) }.encode()
    });
    Ok(Json(ProductPage { items: rows.into_iter().map(|r| r.summary).collect(), next_cursor }))
}

async fn category_tree(database: &Database, slug: &str) -> Result<Vec<Uuid>, Refusal> {
    if slug.contains('\0') {
        return Err(unknown_category(slug));
    }
    let tree = read::category_tree(database, slug).await?;
    if tree.is_empty() { Err(unknown_category(slug)) } else { Ok(tree) }
}

fn search_text(q: &str) -> Result<(), Refusal> {
    validate::text("q", q, 1, MAX_QUERY).map_err(|refusal| match refusal {
        Refusal::Known(_, detail) => Problem::bad_request(detail).into(),
        other => other,
    })
}

fn after_newest(cursor: Option<Cursor>) -> Result<Option<Uuid>, Refusal> {
    match cursor {
        None => Ok(None),
        Some(Cursor::Newest(id)) => Ok(Some(id)),
        Some(Cursor::Ranked(..)) => Err(cursor::bad("this cursor belongs to a search; pass its q with it")),
    }
}

fn after_ranked(cursor: Option<Cursor>) -> Result<Option<(f32, Uuid)>, Refusal> {
    match cursor {
        None => Ok(None),
        Some(Cursor::Ranked(rank, id)) => Ok(Some((rank, id))),
        Some(Cursor::Newest(_)) => Err(cursor::bad("this cursor belongs to a plain listing; pass it without q")),
    }
}

/// List all categories, departments first.
#[utoipa::path(get, path = "/v1/categories", responses((status = 200, body = Vec<Category>)))]
pub(super) async fn list_categories(State(catalog): State<Catalog>) -> Result<Json<Vec<Category>>, Refusal> {
    Ok(Json(read::categories(&catalog.database).await?))
}

/// Read one product.
#[utoipa::path(get, path = "/v1/products/{id}", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Product, headers(("ETag" = String, description = "Strong tag of this version"))),
    (status = 304, description = "If-None-Match names this version"),
    (status = 404, description = "No such product", content_type = "application/problem+json"),
))]
pub(super) async fn get_product(
    State(catalog): State<Catalog>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Refusal> {
    let mut connection = catalog.database.connection().await?;
    let found = read::product(&catalog.database, &mut connection, id).await?.ok_or_else(|| not_found(id))?;
    let tag = EntityTag::of_version(found.version);
    if known.is_current(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.value())]).into_response());
    }
    Ok(([(header::ETAG, tag.value())], Json(found.product)).into_response())
}
