//! The cart service: carts of guests and customers, merged at login, told of when they are left, on PostgreSQL.

pub mod abandon;
pub mod cart;
pub mod change;
pub mod config;
pub mod error;
pub mod intake;
pub mod owner;
pub mod routes;
pub mod schema;
pub mod serve;

pub use config::{Command, ServeConfig};
pub use error::CartError;
pub use serve::run;
