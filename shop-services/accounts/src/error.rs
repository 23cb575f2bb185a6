//! Why accounts refuses or fails, and what the client is told.

use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_kit::broker::BrokerError;
use shop_kit::seal::{MasterKeysError, SealError};
use shop_kit::signature::SignatureError;
use shop_kit::{DatabaseError, Problem, ServeError};
use thiserror::Error;

/// Accounts cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum AccountsError {
    /// There is no usable master key.
    #[error(transparent)]
    MasterKeys(#[from] MasterKeysError),
    /// Keys in the database cannot be used.
    #[error("accounts cannot use its keys")]
    Vault(#[from] VaultError),
    /// Settings contradict each other.
    #[error("{0}")]
    Settings(String),
    /// The database failed.
    #[error("accounts' database failed")]
    Database(#[from] DatabaseError),
    /// The broker is configured wrongly.
    #[error("accounts cannot use its broker")]
    Broker(#[from] BrokerError),
    /// The server failed.
    #[error("accounts cannot serve")]
    Serve(#[from] ServeError),
}

/// A sealed value or key cannot be written or read.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The database failed.
    #[error("the database that holds the keys failed")]
    Database(#[from] DatabaseError),
    /// A value or key cannot be opened.
    #[error("{place} cannot be opened")]
    Sealed {
        /// Table, column and row, or the key.
        place: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// What was opened is not what it should be.
    #[error("{place} is open and not what it should be")]
    Odd {
        /// Table, column and row, or the key.
        place: String,
    },
    /// A key is none that signs.
    #[error("a signing key cannot be used")]
    Signer(#[from] SignatureError),
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error.into(),
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "the vault failed");
                Self::internal()
            }
        }
    }
}

/// A refusal of the catalogue of errors, with what to do about it.
pub fn known(code: ErrorCode, detail: impl Into<String>) -> Problem {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, code.slug(), code.title(), detail)
}
