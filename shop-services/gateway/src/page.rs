//! The page of a product: catalog, pricing, inventory and recommendations asked at the same time under one deadline,
//! and answered with what came.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shop_contracts::Currency;
use shop_contracts::catalog::Product;
use shop_contracts::inventory::Levels;
use shop_contracts::pricing::Price;
use shop_contracts::recommendations::{Recommendation, Recommendations};
use shop_contracts::storefront::{StorefrontPart, StorefrontProduct};
use shop_kit::{Priority, Problem, deadline};
use tokio::time::{Instant, timeout_at};

use crate::body::RequestBody;
use crate::directory::{Directory, Upstream};
use crate::door::Pace;
use crate::pool::Pool;
use crate::proxy::{Gateway, Turn};
use crate::upstream::Onward;

/// Longest answer of a service that goes into a page, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Composes pages.
#[derive(Debug)]
pub struct ProductPage {
    catalog: Source,
    pricing: Source,
    inventory: Source,
    recommendations: Source,
    recommendations_timeout: Duration,
    currency: Currency,
}

/// A service that a page is made from.
#[derive(Debug)]
struct Source {
    pool: Arc<Pool>,
    pace: Pace,
}

/// What all questions for one page have in common.
struct Visit<'a> {
    gateway: &'a Gateway,
    headers: HeaderMap,
    priority: Priority,
    until: Instant,
    /// Whether the client waits as long as the route allows.
    fair: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

impl ProductPage {
    /// Pages from the services of these names.
    pub fn new(directory: &Directory, recommendations_timeout: Duration, currency: Currency) -> Self {
        let source = |service: &str| {
            let upstream = Upstream { service: service.to_owned(), port: "http".to_owned() };
            Source { pool: directory.pool(upstream), pace: Pace::default() }
        };
        Self {
            catalog: source("catalog"),
            pricing: source("pricing"),
            inventory: source("inventory"),
            recommendations: source("recommendations"),
            recommendations_timeout,
            currency,
        }
    }

    /// A page was asked for by a route: demand of every service that it asks.
    pub fn is_asked(&self, route: &str, priority: Priority) {
        let Self { catalog, pricing, inventory, recommendations, recommendations_timeout: _, currency: _ } = self;
        for source in [catalog, pricing, inventory, recommendations] {
            source.pool.is_asked(route, priority);
        }
    }

    /// The page of the product that the path ends with. Without the product there is none; all else may be missing.
    ///
    /// # Errors
    /// 400 for a wrong query, 503 where the catalog gives no answer.
    pub async fn compose(&self, gateway: &Gateway, parts: &Parts, turn: &Turn<'_>) -> Result<Response, Problem> {
        let Query(Wanted { currency }) = Query::try_from_uri(&parts.uri)?;
        let currency = match currency {
            None => self.currency,
            Some(code) => Currency::of(&code)
                .ok_or_else(|| Problem::bad_request("currency is none that the shop knows; EUR is one"))?,
        };
        gateway.hold(&self.catalog.pool, turn.priority, deadline::told(&parts.headers)).await?;
        let id = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let visit = Visit {
            gateway,
            headers: asked(&parts.headers),
            priority: turn.priority,
            until: Instant::now() + turn.patience,
            fair: turn.is_fair(),
        };
        let (product, recommendations) = tokio::join!(self.product(&visit, id, currency), self.recommended(&visit, id));
        product
            .map(|mut page| {
                page.recommendations = recommendations;
                page.missing = missing(&page);
                Json(page).into_response()
            })
            .or_else(|refused| refused)
    }

    async fn product(
        &self,
        visit: &Visit<'_>,
        id: &str,
        currency: Currency,
    ) -> Result<StorefrontProduct, Result<Response, Problem>> {
        let Some((status, body)) = visit.ask(&self.catalog, format!("/v1/products/{id}"), visit.until).await else {
            return Err(Err(Problem::unavailable("the product cannot be read now", Duration::from_secs(1))));
        };
        if status.is_client_error() {
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            return Err(Ok((status, kind, Body::from(body)).into_response()));
        }
        let product: Product = serde_json::from_slice(&body)
            .ok()
            .filter(|_| status == StatusCode::OK)
            .ok_or_else(|| Err(Problem::unavailable("the product cannot be read now", Duration::from_secs(1))))?;
        let skus: Vec<&str> = product.variants.iter().map(|variant| variant.sku.as_str()).collect();
        let skus = skus.join(",");
        let (prices, stock) = tokio::join!(
            visit.read::<Items<Price>>(&self.pricing, format!("/v1/prices?currency={}&sku={skus}", currency.code())),
            visit.read::<Levels>(&self.inventory, format!("/v1/stock?sku={skus}")),
        );
        Ok(StorefrontProduct {
            product,
            prices: prices.map(|prices| prices.items),
            stock: stock.map(|levels| levels.items),
            recommendations: None,
            missing: Vec::new(),
        })
    }

    async fn recommended(&self, visit: &Visit<'_>, id: &str) -> Option<Vec<Recommendation>> {
        let visit = Visit {
            gateway: visit.gateway,
            headers: visit.headers.clone(),
            // The first to be given up when not all can be served.
            priority: Priority::Low,
            until: visit.until.min(Instant::now() + self.recommendations_timeout),
            fair: visit.fair,
        };
        let target = format!("/v1/recommendations?product={id}");
        visit.read::<Recommendations>(&self.recommendations, target).await.map(|found| found.items)
    }
}

impl Visit<'_> {
    async fn read<T: DeserializeOwned>(&self, source: &Source, target: String) -> Option<T> {
        let (status, body) = self.ask(source, target, self.until).await?;
        let read = serde_json::from_slice(&body).ok().filter(|_| status == StatusCode::OK);
        if read.is_none() {
            tracing::warn!(service = source.pool.name, status = status.as_u16(), "a part of a page is missing");
        }
        read
    }

    /// The status and whole body of an answer, where one came in time.
    async fn ask(&self, source: &Source, target: String, until: Instant) -> Option<(StatusCode, Bytes)> {
        let request = Onward {
            method: Method::GET,
            target: PathAndQuery::try_from(target).ok()?,
            headers: self.headers.clone(),
            body: RequestBody::new(Body::empty(), 0),
            until,
            fair: self.fair,
        };
        let exchange = async {
            let left = until.saturating_duration_since(Instant::now());
            let _place = self.gateway.enter(&source.pool, self.priority, left).await.ok()?;
            let (answer, _lease) = self.gateway.sender.send(&source.pool, &source.pace, &request).await.ok()?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.ok()?.to_bytes();
            Some((parts.status, body))
        };
        timeout_at(until, exchange).await.ok().flatten()
    }
}

/// Headers of the questions: who asks, and in which language.
fn asked(headers: &HeaderMap) -> HeaderMap {
    let passed = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "accept-language", "user-agent"];
    headers.iter().filter(|(name, _)| passed.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn missing(page: &StorefrontProduct) -> Vec<StorefrontPart> {
    let parts = [
        (StorefrontPart::Prices, page.prices.is_none()),
        (StorefrontPart::Stock, page.stock.is_none()),
        (StorefrontPart::Recommendations, page.recommendations.is_none()),
    ];
    parts.into_iter().filter(|(_, absent)| *absent).map(|(part, _)| part).collect()
}
