//! Server, config, telemetry, health, drain and problem+json for shop services; knows no business word.

pub mod admin;
pub mod admission;
pub mod auth;
pub mod config;
pub mod database;
pub mod extract;
pub mod guard;
pub mod health;
pub mod precondition;
pub mod problem;
pub mod process;
pub mod server;
pub mod service;
pub mod telemetry;

pub use admission::{Admission, Priority};
pub use config::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};
pub use database::{Database, DatabaseError};
pub use health::Health;
pub use problem::Problem;
pub use service::{Kit, ServeError};
