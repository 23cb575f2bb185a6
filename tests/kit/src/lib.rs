//! Handles on real parts for tests: each starts the real program on free ports and takes it away again.
//!
//! Nothing here imitates anything. A part that is not there fails the test with the command that builds or installs
//! it. Every process ends when its handle is dropped and, through `setpriv --pdeathsig`, when the test process dies.

mod api_server;
mod assets;
mod audit;
mod chaos_proxy;
mod client;
mod clock;
mod command;
mod error;
mod exporter;
mod nats;
mod node;
mod port;
mod postgres;
mod process;
mod prometheus;
mod ready;
mod scratch;

pub use api_server::{ApiServer, ApiServerOptions, DEPLOYMENT_CONTROLLERS};
pub use assets::{debian_binary, tool};
pub use audit::{AuditEntries, AuditEntry, AuditOracle};
pub use chaos_proxy::{ChaosProxy, Fault};
pub use client::{Answer, Client};
pub use clock::Clock;
pub use error::KitError;
pub use exporter::Exporter;
pub use nats::Nats;
pub use node::Node;
pub use port::free_address;
pub use postgres::Postgres;
pub use process::{Launch, Process};
pub use prometheus::{Prometheus, PrometheusOptions, ScrapeJob};
pub use ready::wait_for;
pub use scratch::{clear as clear_scratch, folder as scratch_folder};
