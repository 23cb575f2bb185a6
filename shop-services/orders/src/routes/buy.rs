//! What customers do: place an order, look at theirs, change their mind.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;
use shop_contracts::ErrorCode;
use shop_contracts::orders::{DEFAULT_LIMIT, MAX_LIMIT, MAX_QUOTE, NewOrder, Order, OrderPage, OrderState};
use shop_contracts::payments::check_method;
use shop_contracts::pricing::{QUOTE_TYPE, Quote};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path, Query};
use shop_kit::idempotency::{Begun, IdempotencyKey};
use shop_kit::keys::KeysError;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Customer, Ordering, Outcome, located};
use crate::error::known;
use crate::kill::Side;
use crate::order;
use crate::place::{Placed, not_found};

/// Place an order at the price of a quote. It is accepted, not done: look at its `Location`.
#[utoipa::path(post, path = "/v1/orders", params(("Idempotency-Key" = String, Header)),
    request_body = NewOrder, security(("user" = [])), responses(
    (status = 202, body = Order, headers(("Location" = String, description = "Where to look"))),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 409, description = "The quote has expired, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "Not a genuine quote, a field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
    (status = 503, description = "Keys cannot be had, or the service is busy", content_type = "application/problem+json"),
))]
pub(super) async fn place_order(
    State(ordering): State<Ordering>,
    Customer(customer_id): Customer,
    key: IdempotencyKey,
    Body(new): Body<NewOrder>,
) -> Outcome {
    check_method(&new.payment_method).map_err(|why| known(ErrorCode::InvalidField, format!("payment_method {why}")))?;
    let call = key.call(&format!("customer {customer_id}"), &new);
    let mut execution = match call.begin::<Problem>(&ordering.database, &ordering.events).await? {
        Begun::Replay(stored) => return Ok(located(stored)),
        Begun::Execute(execution) => execution,
    };
    // A repetition gets its first answer, also after the quote has expired.
    let outcome = match genuine(&ordering, &new.quote).await {
        Err(refusal) => Err(refusal),
        Ok(quote) => {
            let NewOrder { quote: quote_token, payment_method: method } = new;
            let placed = Placed { customer_id, quote, quote_token, method };
            ordering.changer.place(execution.tx(), placed).await
        }
    };
    if outcome.is_ok() {
        ordering.kill.reach("place", Side::Before);
    }
    let stored = execution.settle(StatusCode::ACCEPTED, outcome).await?;
    ordering.kill.reach("place", Side::After);
    ordering.counts.reached(OrderState::Created.name());
    ordering.wake.notify_one();
    Ok(located(stored))
}

/// The quote, where pricing signed it and it still binds.
async fn genuine(ordering: &Ordering, token: &str) -> Result<Quote, Problem> {
    let invalid = |why: String| known(ErrorCode::QuoteInvalid, format!("{why}; pass the token of a quote unchanged"));
    if token.len() > MAX_QUOTE {
        return Err(invalid(format!("the quote is longer than {MAX_QUOTE} bytes")));
    }
    let quote: Quote = ordering.quotes.verify(token, QUOTE_TYPE).await.map_err(|error| match error {
        KeysError::Signature(error) => invalid(error.to_string()),
        KeysError::Unavailable => {
            Problem::unavailable("quotes cannot be checked now", std::time::Duration::from_secs(1))
        }
    })?;
    if ordering.identity.now().as_second() >= quote.exp {
        let detail = format!("quote {} bound until {}; ask for another", quote.id, quote.exp);
        return Err(known(ErrorCode::QuoteExpired, detail));
    }
    Ok(quote)
}

/// Which orders to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows at most, 1..=100, 20 where absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// List the caller's orders, the youngest first.
#[utoipa::path(get, path = "/v1/orders", security(("user" = [])), responses(
    (status = 200, body = OrderPage),
    (status = 400, description = "Bad limit or cursor", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
))]
pub(super) async fn list_orders(
    State(ordering): State<Ordering>,
    Customer(customer): Customer,
    Query(listing): Query<Listing>,
) -> Outcome {
    let limit = listing.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit is {limit}; 1 to {MAX_LIMIT} pass")));
    }
    let after = listing.cursor.as_deref().map(cursor).transpose()?;
    // One row more than asked tells whether there is a next page.
    let mut items = order::of_customer(&ordering.database, customer, after, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| last.id.simple().to_string());
    Ok(Json(OrderPage { items, next_cursor }).into_response())
}

fn cursor(text: &str) -> Result<Uuid, Problem> {
    let read = if text.len() == 32 { Uuid::try_parse(text).ok() } else { None };
    read.ok_or_else(|| known(ErrorCode::BadCursor, "pass the next_cursor of the page before, unchanged"))
}

/// Read how an order stands.
#[utoipa::path(get, path = "/v1/orders/{id}", params(("id" = Uuid, Path)), security(("user" = [])), responses(
    (status = 200, body = Order),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The caller has no such order", content_type = "application/problem+json"),
))]
pub(super) async fn get_order(
    State(ordering): State<Ordering>,
    Customer(customer): Customer,
    Path(id): Path<Uuid>,
) -> Outcome {
    let found = order::find(&ordering.database, id).await?.filter(|o| o.customer_id == customer);
    Ok(Json(found.ok_or_else(|| not_found(id))?.order).into_response())
}

/// Cancel an order whose money is not being taken yet. It is accepted, not done: look at its `Location`.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)), security(("user" = [])), responses(
    (status = 202, body = Order, headers(("Location" = String, description = "Where to look"))),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The caller has no such order", content_type = "application/problem+json"),
    (status = 409, description = "Too late, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn cancel_order(
    State(ordering): State<Ordering>,
    Customer(customer): Customer,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
) -> Outcome {
    let call = key.call(&format!("customer {customer}"), &());
    let mut execution = match call.begin::<Problem>(&ordering.database, &ordering.events).await? {
        Begun::Replay(stored) => return Ok(located(stored)),
        Begun::Execute(execution) => execution,
    };
    let outcome = ordering.changer.cancel(execution.tx(), id, customer).await;
    let stored = execution.settle(StatusCode::ACCEPTED, outcome).await?;
    ordering.wake.notify_one();
    Ok(located(stored))
}
