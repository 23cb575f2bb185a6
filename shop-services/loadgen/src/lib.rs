//! Open-loop session load on the shop, the same model's past as OpenMetrics text, journeys through the whole shop, and
//! the audit of its books.

pub mod audit;
pub mod cli;
pub mod connection;
pub mod history;
pub mod journey;
pub mod ledger;
pub mod progress;
pub mod rate;
pub mod run;
pub mod scrape;
pub mod season;
pub mod session;
pub mod target;

pub use cli::{Cli, execute};
