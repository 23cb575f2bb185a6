//! Metrics of accounts: tokens asked for, passwords hashed.

use super::{Kind, Metric, OUTCOME, metric};

/// Tokens asked for, and what came of it.
pub const TOKEN_GRANTS: Metric = metric(
    "shop_token_grants_total",
    Kind::Counter,
    "requests",
    &["grant", OUTCOME],
    "Requests for a token: granted, refused, reused (a used refresh token), limited (too many attempts) or failed",
);
/// The cost of one password.
pub const PASSWORD_HASH_DURATION: Metric = metric(
    "shop_password_hash_duration_seconds",
    Kind::Histogram,
    "seconds",
    &[],
    "Time to hash one password, without the wait for its turn",
);
/// Passwords hashed at the same time at most; each takes its memory.
pub const PASSWORD_HASH_LIMIT: Metric =
    metric("shop_password_hash_limit", Kind::Gauge, "requests", &[], "Passwords hashed at the same time at most");
/// Passwords hashed now.
pub const PASSWORD_HASH_INFLIGHT: Metric =
    metric("shop_password_hash_inflight", Kind::Gauge, "requests", &[], "Passwords being hashed now");

/// What accounts exports besides [`ALL`](super::ALL) and [`EVENTS`](super::EVENTS).
pub const ACCOUNTING: &[Metric] = &[TOKEN_GRANTS, PASSWORD_HASH_DURATION, PASSWORD_HASH_LIMIT, PASSWORD_HASH_INFLIGHT];
