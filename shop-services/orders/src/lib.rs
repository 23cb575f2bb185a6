//! The orders service: a saga per order, every step written down before it is taken, undone where it cannot go on.

pub mod config;
pub mod drive;
pub mod erase;
pub mod error;
pub mod intake;
pub mod kill;
pub mod order;
pub mod others;
pub mod place;
pub mod routes;
pub mod saga;
pub mod schema;
pub mod serve;
pub mod settle;
pub mod watch;

pub use config::{Command, ServeConfig};
pub use error::OrdersError;
pub use serve::run;
