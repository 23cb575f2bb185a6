//! Accounts on a real PostgreSQL and a real NATS, spoken to over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod contract;
mod doors;
mod erasing;
mod keys;
mod me;
mod opening;
mod running;
mod sessions;
