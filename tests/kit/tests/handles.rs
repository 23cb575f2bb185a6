//! Every handle of the kit on the real part that it starts.

#[path = "handles/api_server.rs"]
mod api_server;
#[path = "handles/postgres.rs"]
mod postgres;
#[path = "handles/prometheus.rs"]
mod prometheus;
