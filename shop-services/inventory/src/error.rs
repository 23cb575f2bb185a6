//! Why inventory refuses or fails, and what the client is told.

use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_kit::broker::BrokerError;
use shop_kit::{DatabaseError, Problem, ServeError};
use thiserror::Error;

/// Inventory cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// The database failed.
    #[error("inventory's database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("inventory cannot use its broker")]
    Broker(#[from] BrokerError),
    /// The server failed.
    #[error("inventory cannot serve")]
    Serve(#[from] ServeError),
}

/// A refusal of the catalogue of errors, with what to do about it.
pub fn known(code: ErrorCode, detail: impl Into<String>) -> Problem {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, code.slug(), code.title(), detail)
}
