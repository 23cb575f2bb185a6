//! Why the catalog refuses or fails, and what the client is told.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_kit::broker::BrokerError;
use shop_kit::{DatabaseError, Problem, ServeError};
use thiserror::Error;

/// The catalog cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// The database failed.
    #[error("the catalog's database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("the catalog cannot use its broker")]
    Broker(#[from] BrokerError),
    /// The server failed.
    #[error("the catalog cannot serve")]
    Serve(#[from] ServeError),
}

/// One request is refused or failed.
#[derive(Debug)]
pub enum Refusal {
    /// By the catalogue of errors, with what to do about it.
    Known(ErrorCode, String),
    /// By a rule of the kit: token, condition, body.
    Problem(Problem),
    /// The database failed.
    Database(DatabaseError),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        if error.violates("variants_pkey") {
            let detail = "choose SKUs that no other product has, retired ones included";
            return Self::Known(ErrorCode::SkuTaken, detail.to_owned());
        }
        Self::Database(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Known(code, detail) => {
                let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
                Problem::new(status, code.slug(), code.title(), detail).into_response()
            }
            Self::Problem(problem) => problem.into_response(),
            Self::Database(error) => Problem::from(error).into_response(),
        }
    }
}
