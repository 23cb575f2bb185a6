//! Idempotent requests: one key, one effect; a repetition gets the first answer again.
//!
//! **Source**: draft-ietf-httpapi-idempotency-key-header-07. A missing key is 400, a request that still runs 409, the
//! same key with another request 422. The answer is stored in the transaction of the effect, so there is never one
//! without the other; refusals are not stored, so a repetition after one really executes.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use shop_metrics::Events;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::database::{Database, DatabaseError};
use crate::problem::Problem;

/// Longest key, in characters.
pub const MAX_KEY: usize = 128;
/// Says that an answer was given before.
pub const REPLAYED: &str = "idempotency-replayed";

/// Who holds the lock of a key runs the request; it goes with the transaction, so a crash frees the key at once.
const LOCK_KEY: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";

const SELECT_KEY: &str = "SELECT fingerprint, status, body FROM idempotency_keys WHERE scope = $1 AND key = $2";

const INSERT_KEY: &str = "\
INSERT INTO idempotency_keys (scope, key, fingerprint, status, body) VALUES ($1, $2, $3, $4, $5)";

const DELETE_OF_CALLER: &str = "DELETE FROM idempotency_keys WHERE scope = ANY($1)";

/// The key of a request, and the route it was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    route: String,
    path: String,
}

impl IdempotencyKey {
    /// The request as it is recognised: key, caller and route name it, path and body are what must not change.
    pub fn call(&self, caller: &str, body: &impl Serialize) -> Call {
        let mut digest = Sha256::new();
        digest.update(self.path.as_bytes());
        digest.update([0]);
        // What was read from JSON can be written as JSON; spaces and the order of fields do not count.
        digest.update(serde_json::to_vec(body).unwrap_or_default());
        Call { scope: format!("{caller} {}", self.route), key: self.key.clone(), fingerprint: digest.finalize().into() }
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let values: Vec<&HeaderValue> = parts.headers.get_all("idempotency-key").iter().collect();
        let [value] = values.as_slice() else {
            return Err(refused("send one Idempotency-Key, a new one for each thing to do, the same when repeating"));
        };
        let key = key(value)
            .ok_or_else(|| refused("Idempotency-Key passes as a quoted string of 1 to 128 visible ASCII characters"))?;
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map_or_else(|| parts.uri.path().to_owned(), |p| p.as_str().to_owned());
        let path = parts.uri.path().to_owned();
        Ok(Self { key, route: format!("{} {route}", parts.method), path })
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", "A usable Idempotency-Key is required", detail)
}

/// The string of a structured header (RFC 8941 without escapes); quotes may be left away.
fn key(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let bare = text.strip_prefix('"').map_or(Some(text), |rest| rest.strip_suffix('"'))?;
    let visible = bare.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    (visible && !bare.is_empty() && bare.len() <= MAX_KEY).then(|| bare.to_owned())
}

/// A request as it is recognised when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    scope: String,
    key: String,
    fingerprint: [u8; 32],
}

/// The answer to a request, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Status code.
    pub status: StatusCode,
    /// JSON.
    pub body: Vec<u8>,
    replayed: bool,
}

impl IntoResponse for Stored {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], self.body).into_response();
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// How a request began.
#[derive(Debug)]
pub enum Begun {
    /// It has been done: this was the answer.
    Replay(Stored),
    /// It is to be done, in this transaction.
    Execute(Execution),
}

/// A request at work: its transaction, which also holds its key.
#[derive(Debug)]
pub struct Execution {
    db: Database,
    tx: Transaction<'static, Postgres>,
    call: Call,
}

impl Call {
    /// Begins the request, or finds the answer that it had.
    ///
    /// # Errors
    /// 409 while the first one still runs, 422 where the key was used for another request, or where the database
    /// fails.
    pub async fn begin<E>(self, db: &Database, metrics: &Events) -> Result<Begun, E>
    where
        E: From<Problem> + From<DatabaseError>,
    {
        let mut tx = db.begin().await?;
        let lock = sqlx::query_scalar::<_, bool>(LOCK_KEY).bind(format!("{}\n{}", self.scope, self.key));
        let locked = db.measure("lock_key", lock.fetch_one(&mut *tx)).await?;
        let select = sqlx::query_as::<_, (Vec<u8>, i16, Vec<u8>)>(SELECT_KEY).bind(&self.scope).bind(&self.key);
        let stored = db.measure("select_key", select.fetch_optional(&mut *tx)).await?;
        if locked && stored.is_none() {
            metrics.idempotency("executed");
            return Ok(Begun::Execute(Execution { db: db.clone(), tx, call: self }));
        }
        // Whoever comes next shall find the key free.
        db.measure("rollback", tx.rollback()).await?;
        match stored {
            None => {
                metrics.idempotency("running");
                let title = "The first request with this key still runs";
                Err(conflict(StatusCode::CONFLICT, title, "repeat it later").into())
            }
            Some((fingerprint, status, body)) if fingerprint == self.fingerprint => {
                metrics.idempotency("replayed");
                let status = u16::try_from(status).ok().and_then(|s| StatusCode::from_u16(s).ok());
                Ok(Begun::Replay(Stored { status: status.unwrap_or(StatusCode::OK), body, replayed: true }))
            }
            Some(_) => {
                metrics.idempotency("mismatched");
                let title = "The key was used for another request";
                Err(conflict(StatusCode::UNPROCESSABLE_ENTITY, title, "send a new key for a new request").into())
            }
        }
    }
}

impl Execution {
    /// The transaction for the effect.
    pub fn tx(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Commits the effect together with its answer, or takes back what a refused one had done so far.
    ///
    /// # Errors
    /// The refusal, or where the database fails; then there is neither effect nor answer.
    pub async fn settle<E>(self, status: StatusCode, outcome: Result<impl Serialize, E>) -> Result<Stored, E>
    where
        E: From<DatabaseError>,
    {
        let Self { db, mut tx, call } = self;
        let body = match outcome {
            Ok(body) => serde_json::to_vec(&body).unwrap_or_default(),
            Err(refusal) => {
                db.measure("rollback", tx.rollback()).await?;
                return Err(refusal);
            }
        };
        let insert = sqlx::query(INSERT_KEY)
            .bind(&call.scope)
            .bind(&call.key)
            .bind(call.fingerprint.as_slice())
            .bind(i16::try_from(status.as_u16()).unwrap_or(200))
            .bind(&body);
        db.measure("insert_key", insert.execute(&mut *tx)).await?;
        db.measure("commit", tx.commit()).await?;
        Ok(Stored { status, body, replayed: false })
    }
}

/// Deletes the answers that a caller had of these routes, each `METHOD TEMPLATE`: nobody may ask for them any more.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn forget(db: &Database, tx: &mut PgConnection, caller: &str, routes: &[&str]) -> Result<(), DatabaseError> {
    let scopes: Vec<String> = routes.iter().map(|route| format!("{caller} {route}")).collect();
    let delete = sqlx::query(DELETE_OF_CALLER).bind(scopes);
    db.measure("delete_of_caller", delete.execute(tx)).await.map(drop)
}

fn conflict(status: StatusCode, title: &'static str, detail: &str) -> Problem {
    Problem::new(status, "idempotency-key", title, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn extracted(values: &[&str]) -> Result<IdempotencyKey, Problem> {
        let mut request = http::Request::post("/v1/things/7?x=1");
        for value in values {
            request = request.header("idempotency-key", *value);
        }
        IdempotencyKey::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_missing_repeated_or_broken_key_is_400() {
        let long = "x".repeat(129);
        for values in [&[][..], &["a", "b"], &[""], &["\"\""], &["\"a"], &["a b"], &["ä"], &["a\\b"], &[long.as_str()]]
        {
            assert_eq!(extracted(values).await.unwrap_err().status(), 400, "{values:?}");
        }
        assert_eq!(extracted(&["\"k-1\""]).await.unwrap(), extracted(&["k-1"]).await.unwrap());
    }

    #[tokio::test]
    async fn caller_and_route_scope_a_key_and_the_body_is_compared_by_meaning() {
        let key = extracted(&["k"]).await.unwrap();
        let body: serde_json::Value = serde_json::from_str(r#"{"a": 1,   "b": 2}"#).unwrap();
        let same: serde_json::Value = serde_json::from_str(r#"{"b":2,"a":1}"#).unwrap();
        assert_eq!(key.call("orders", &body), key.call("orders", &same));
        assert_ne!(key.call("orders", &body), key.call("cart", &body));
        assert_ne!(key.call("orders", &body), key.call("orders", &serde_json::json!({"a": 1})));
        let elsewhere = IdempotencyKey { path: "/v1/things/8".into(), ..key.clone() };
        assert_ne!(key.call("orders", &body), elsewhere.call("orders", &body));
    }
}
