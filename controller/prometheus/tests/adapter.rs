//! The adapter against a real Prometheus that scrapes what the sources' documentation says they export.

#[path = "adapter/backlog.rs"]
mod backlog;
#[path = "adapter/faults.rs"]
mod faults;
#[path = "adapter/history.rs"]
mod history;
#[path = "adapter/presets.rs"]
mod presets;
#[path = "adapter/shop.rs"]
mod shop;
#[path = "adapter/states.rs"]
mod states;
#[path = "adapter/wire.rs"]
mod wire;
