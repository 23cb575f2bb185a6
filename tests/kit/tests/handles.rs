//! Every handle of the kit on the real part that it starts.

#[path = "handles/api_server.rs"]
mod api_server;
#[path = "handles/audit.rs"]
mod audit;
#[path = "handles/chaos_proxy.rs"]
mod chaos_proxy;
#[path = "handles/nats.rs"]
mod nats;
#[path = "handles/port.rs"]
mod port;
#[path = "handles/postgres.rs"]
mod postgres;
#[path = "handles/process.rs"]
mod process;
#[path = "handles/prometheus.rs"]
mod prometheus;
