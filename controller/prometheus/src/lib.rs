//! The Prometheus adapter: queries in, classified readings and series out.
//!
//! ```text
//! &[ServiceQuery] --observe--> Observation { service -> load, error ratio, latency }    one query per preset and tick
//! &[ServiceQuery] --observe_pods--> service -> pod -> load, error ratio, latency, cpu   one query per preset
//! &ServiceQuery   --history(Measure, range, step)--> models::Series                     gaps are Missing
//! &SocketAddr     --PodScraper::read--> PodCounters                                    one pod, from itself
//! ```
//! A query that fails is data: every service of it reads [`presale_models::Reading::Error`], and the reason is in
//! `failures`.

mod classify;
mod client;
mod config;
mod error;
mod history;
mod observe;
mod pods;
mod preset;
mod promql;
mod scrape;
mod service;

pub use config::{Labels, PrometheusConfig};
pub use error::QueryError;
pub use history::Measure;
pub use observe::{Observation, Prometheus, ServiceReadings};
pub use pods::{PodObservation, PodReadings};
pub use scrape::{PodCounters, PodScraper, ScrapeError};
pub use service::{ServiceKey, ServiceQuery, Source};
