//! The next version of every service, for tests alone: whatever it says has one more field at every level, whatever it
//! keeps has one more column, and nothing else changes. What is built like this runs beside the present version.
//!
//! Requests have no field more: those of a version are sent when every callee takes them, which is a version later.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Value, json};
use sqlx::migrate::Migration;

use crate::schema::migration;

/// What the next version knows more.
const MORE: &str = "of_the_next_version";
/// Long after every version of today.
const VERSION: i64 = 900;
const ADD_COLUMNS: &str = "\
DO $$
DECLARE kept regclass;
BEGIN
    FOR kept IN SELECT c.oid::regclass FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '_sqlx_migrations'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS of_the_next_version text NOT NULL DEFAULT ''more''', kept);
        COMMIT;
    END LOOP;
END $$";

/// The next step of a schema's history: one table after the other, each in a transaction of its own, for one that locked
/// several would be in a deadlock with requests of today's version.
pub(crate) fn step() -> Migration {
    Migration { no_tx: true, ..migration(VERSION, "next", ADD_COLUMNS) }
}

/// The same with one more field in every object. An amount of money is one and the same in every version.
pub(crate) fn more(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields)
            if fields.len() == 2 && fields.contains_key("amount") && fields.contains_key("currency") => {}
        Value::Object(fields) => {
            for field in fields.values_mut() {
                *field = more(field.take());
            }
            fields.insert(MORE.to_owned(), json!({"more": 1}));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = more(item.take())),
        _ => {}
    }
    value
}

/// Answers with more.
pub(crate) async fn says_more(request: Request, next: Next) -> Response {
    let (mut parts, body) = next.run(request).await.into_parts();
    let is_json = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_json || !parts.status.is_success() {
        return Response::from_parts(parts, body);
    }
    let said = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let said =
        serde_json::from_slice(&said).map_or_else(|_| said.to_vec(), |value| more(value).to_string().into_bytes());
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(said))
}
