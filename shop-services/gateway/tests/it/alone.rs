//! Tests that offer load for seconds and count what comes back: `make test` runs them when nothing else does.

mod limiting;
mod shedding;
mod storming;
