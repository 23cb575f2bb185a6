//! The accounts service: who the customers are, their sessions, and the keys that sign their tokens, on PostgreSQL.

pub mod account;
pub mod address;
pub mod attempts;
pub mod config;
pub mod error;
pub mod issue;
pub mod password;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod session;
pub mod signing;
pub mod sweep;
pub mod validate;
pub mod vault;

pub use config::{Command, ServeConfig};
pub use error::AccountsError;
pub use serve::run;
