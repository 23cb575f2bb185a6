//! Open-loop session load on the shop, and the same model's past as OpenMetrics text.

pub mod cli;
pub mod connection;
pub mod history;
pub mod ledger;
pub mod progress;
pub mod rate;
pub mod run;
pub mod scrape;
pub mod season;
pub mod session;
pub mod target;

pub use cli::{Cli, execute};
