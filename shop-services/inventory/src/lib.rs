//! The inventory service: stock that is never oversold, reservations that expire, and a ledger, on PostgreSQL.

pub mod config;
pub mod error;
pub mod intake;
pub mod reserve;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod settle;
pub mod stock;
pub mod sweep;
pub mod validate;

pub use config::{Command, ServeConfig};
pub use error::InventoryError;
pub use serve::run;
