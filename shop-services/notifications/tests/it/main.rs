//! Notifications on a real PostgreSQL and a real NATS JetStream, with sinks on real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod delivering;
mod running;
mod sink;
mod writing;
