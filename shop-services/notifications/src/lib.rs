//! The notifications service: messages about orders, each attempt to deliver them written down, on PostgreSQL.

pub mod config;
pub mod deliver;
pub mod error;
pub mod intake;
pub mod message;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod settle;
pub mod sweep;
pub mod template;
pub mod transport;

pub use config::{Command, ServeConfig};
pub use error::NotificationsError;
pub use serve::run;
