//! Events and idempotent requests on a real PostgreSQL and a real NATS JetStream.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod events;
mod idempotency;
mod keys;
mod places;
