//! The whole shop under journeys, and its audit: what loadgen says of it is true.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audited;
mod garbage;
mod journeys;
mod open;
