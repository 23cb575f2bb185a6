//! The catalog on a real PostgreSQL and a real NATS, spoken to over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod contract;
mod lifecycle;
mod reading;
mod running;
mod telling;
mod writing;
