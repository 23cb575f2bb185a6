//! Server, config, telemetry, health, drain, problem+json, idempotency and events for shop services; knows no
//! business word.

pub mod access;
pub mod admin;
pub mod admission;
pub mod auth;
pub mod backstage;
pub mod breaker;
pub mod broker;
pub mod client;
pub mod command;
pub mod config;
pub mod cut_off;
pub mod database;
pub mod deadline;
pub mod event;
pub mod extract;
pub mod guard;
pub mod health;
pub mod idempotency;
pub mod identity;
pub mod inbox;
pub mod instant;
pub mod keep;
pub mod keys;
mod lag;
pub mod mutual;
#[cfg(feature = "next")]
mod next;
pub mod pause;
pub mod peer;
pub mod precondition;
pub mod problem;
pub mod process;
pub mod relay;
pub mod schema;
pub mod seal;
pub mod server;
pub mod service;
pub mod signature;
pub mod telemetry;
pub mod watched;
pub mod webhook;
pub mod world;

pub use admission::{Admission, Priority};
pub use config::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};
pub use database::{Database, DatabaseError};
pub use health::Health;
pub use identity::{Clock, Identity};
pub use problem::Problem;
pub use service::{Kit, ServeError};
pub use world::World;
