//! The whole shop under journeys, and its audit: what loadgen says of it is true.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod abuse;
mod access;
mod audited;
mod certified;
mod garbage;
mod journeys;
mod open;
mod people;
#[path = "journeys/plan.rs"]
mod plan;
