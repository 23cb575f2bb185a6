//! Why pricing refuses or fails, and what the client is told.

use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_contracts::money::MoneyError;
use shop_kit::broker::BrokerError;
use shop_kit::signature::SignatureError;
use shop_kit::{DatabaseError, Problem, ServeError};
use thiserror::Error;

/// Pricing cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum PricingError {
    /// The database failed.
    #[error("pricing's database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("pricing cannot use its broker")]
    Broker(#[from] BrokerError),
    /// The key for quotes is not usable.
    #[error("pricing cannot sign quotes")]
    Key(#[from] SignatureError),
    /// The server failed.
    #[error("pricing cannot serve")]
    Serve(#[from] ServeError),
}

/// A refusal of the catalogue of errors, with what to do about it.
pub fn known(code: ErrorCode, detail: impl Into<String>) -> Problem {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, code.slug(), code.title(), detail)
}

/// The refusal of a sum that has no right result.
pub fn sum(error: MoneyError) -> Problem {
    known(ErrorCode::AmountOutOfRange, error.to_string())
}
