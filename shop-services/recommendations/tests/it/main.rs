//! Recommendations on a real PostgreSQL and a real NATS JetStream, spoken to over real sockets; and how good its model
//! is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contract;
mod forgetting;
mod learning;
mod quality;
mod running;
mod shoppers;
