//! The payments service: payments by order, a provider that may not answer, and a ledger that balances, on PostgreSQL.

pub mod ask;
pub mod config;
pub mod drive;
pub mod error;
pub mod provider;
pub mod read;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod settle;
pub mod validate;

pub use config::{Command, ServeConfig};
pub use error::PaymentsError;
pub use serve::run;
