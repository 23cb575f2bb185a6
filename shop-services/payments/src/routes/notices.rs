//! What the provider tells by itself: signed, and taken once, early, late or repeated as it may come.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use shop_contracts::ErrorCode;
use shop_contracts::psp::{PspNotice, SIGNATURE_HEADER};
use shop_kit::Problem;
use uuid::Uuid;

use super::{Outcome, Paying};
use crate::error::known;

const INSERT_NOTICE: &str = "INSERT INTO notices (id) VALUES ($1) ON CONFLICT DO NOTHING";

/// Take a notice of the provider.
#[utoipa::path(post, path = "/v1/webhooks/psp", params(("PSP-Signature" = String, Header)),
    request_body = String, responses(
    (status = 204, description = "Taken, now or before"),
    (status = 400, description = "No notice", content_type = "application/problem+json"),
    (status = 401, description = "Not signed, or not lately", content_type = "application/problem+json"),
    (status = 404, description = "No operation of ours", content_type = "application/problem+json"),
))]
pub(super) async fn take_notice(State(paying): State<Paying>, headers: HeaderMap, body: Bytes) -> Outcome {
    let signature = headers.get(SIGNATURE_HEADER).and_then(|v| v.to_str().ok());
    paying.notices.check(signature, &body, paying.identity.now())?;
    let notice: PspNotice =
        serde_json::from_slice(&body).map_err(|e| Problem::bad_request(format!("the notice is odd: {e}")))?;
    let key = &notice.outcome.key;
    let id: Uuid =
        key.parse().map_err(|_| known(ErrorCode::UnknownOperation, format!("no operation has the key {key}")))?;
    let db = &paying.database;
    let mut tx = db.begin().await?;
    let insert = sqlx::query(INSERT_NOTICE).bind(&notice.id);
    if db.measure("insert_notice", insert.execute(&mut *tx)).await?.rows_affected() == 1 {
        paying.settler.settle(&mut tx, id, &notice.outcome).await?;
        db.measure("commit", tx.commit()).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
