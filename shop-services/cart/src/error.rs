//! Why cart refuses or fails, and what the client is told.

use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_kit::broker::BrokerError;
use shop_kit::peer::PeerError;
use shop_kit::{DatabaseError, Problem, ServeError};
use thiserror::Error;

/// Cart cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum CartError {
    /// The database failed.
    #[error("cart's database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("cart cannot use its broker")]
    Broker(#[from] BrokerError),
    /// Another service cannot be called.
    #[error("cart cannot call another service")]
    Peer(#[from] PeerError),
    /// The server failed.
    #[error("cart cannot serve")]
    Serve(#[from] ServeError),
}

/// A refusal of the catalogue of errors, with what to do about it.
pub fn known(code: ErrorCode, detail: impl Into<String>) -> Problem {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, code.slug(), code.title(), detail)
}
