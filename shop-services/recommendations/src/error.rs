//! Why recommendations fails.

use shop_kit::broker::BrokerError;
use shop_kit::peer::PeerError;
use shop_kit::{DatabaseError, ServeError};
use thiserror::Error;

/// Recommendations cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum RecommendationsError {
    /// The database failed.
    #[error("recommendations' database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("recommendations cannot use its broker")]
    Broker(#[from] BrokerError),
    /// Another service cannot be called.
    #[error("recommendations cannot call another service")]
    Peer(#[from] PeerError),
    /// The server failed.
    #[error("recommendations cannot serve")]
    Serve(#[from] ServeError),
}

/// A model was not trained; the one in use stays.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The history cannot be read, or the model not written.
    #[error("the history cannot be read, or the model not written")]
    Database(#[from] DatabaseError),
    /// The calculation broke off.
    #[error("the model cannot be calculated")]
    Calculate(#[from] tokio::task::JoinError),
}
