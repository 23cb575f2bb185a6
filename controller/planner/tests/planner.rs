//! The planner from outside: its promises on arbitrary input, its promotions, and its behaviour on readable scripts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the makers of test data are not test functions, and a test may panic"
)]

#[path = "planner/arbitrary.rs"]
mod arbitrary;
#[path = "planner/health.rs"]
mod health;
#[path = "planner/promotions.rs"]
mod promotions;
#[path = "planner/reserve.rs"]
mod reserve;
#[path = "planner/safety.rs"]
mod safety;
#[path = "planner/scenarios.rs"]
mod scenarios;
#[path = "planner/script.rs"]
mod script;
