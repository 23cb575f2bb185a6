//! The catalog service: products, search, cursors and ETags on PostgreSQL.

pub mod change;
pub mod config;
pub mod cursor;
pub mod error;
pub mod passage;
pub mod read;
pub mod routes;
pub mod schema;
pub mod seed;
pub mod serve;
pub mod validate;

pub use config::{Command, ServeConfig};
pub use error::CatalogError;
pub use serve::run;
