//! Why notifications fails.

use shop_kit::broker::BrokerError;
use shop_kit::peer::PeerError;
use shop_kit::{DatabaseError, ServeError};
use thiserror::Error;

/// Notifications cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum NotificationsError {
    /// The database failed.
    #[error("notifications' database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("notifications cannot use its broker")]
    Broker(#[from] BrokerError),
    /// The sink cannot be called.
    #[error("notifications cannot call its sink")]
    Peer(#[from] PeerError),
    /// The server failed.
    #[error("notifications cannot serve")]
    Serve(#[from] ServeError),
}
