//! Orders, cart and gateway as real processes among the real pricing, inventory and payments, a provider, PostgreSQL and NATS.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod audit;
mod buying;
mod carts;
mod contract;
mod doors;
mod erased;
mod floor;
mod killed;
mod notified;
mod recommended;
mod rush;
mod slow;
mod stage;
mod storefront;
mod undone;
mod unknown;
