//! Payments on a real PostgreSQL, against a provider that misbehaves, spoken to over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod contract;
mod ledger;
mod notices;
mod paying;
mod running;
mod unknown;
