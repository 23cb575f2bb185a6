//! The gateway: TLS, routes, tokens, limits, balancing, retries, shedding, held first requests and the composed
//! product page.

pub mod body;
pub mod budget;
pub mod config;
pub mod directory;
pub mod door;
pub mod endpoint;
pub mod error;
pub mod exposed;
pub mod head;
pub mod page;
pub mod pool;
pub mod proxy;
pub mod rate;
pub mod registry;
pub mod routes;
pub mod serve;
pub mod slices;
pub mod table;
pub mod tls;
pub mod upstream;
pub mod wire;

pub use config::{Command, ServeConfig};
pub use error::GatewayError;
pub use serve::run;
