//! Pricing on a real PostgreSQL and a real NATS JetStream, spoken to over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod contract;
mod events;
mod quoting;
mod redeeming;
mod running;
mod selling;
