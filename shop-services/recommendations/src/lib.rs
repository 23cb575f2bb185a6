//! The recommendations service: an item-item model trained from the shop's own events, on PostgreSQL.

pub mod config;
pub mod error;
pub mod history;
pub mod holdout;
pub mod intake;
pub mod model;
pub mod publish;
pub mod rank;
pub mod read;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod train;

pub use config::{Command, ServeConfig};
pub use error::RecommendationsError;
pub use serve::run;
