//! The planner from outside: its promises on arbitrary input, and its behaviour on readable scripts.

#[path = "planner/arbitrary.rs"]
mod arbitrary;
#[path = "planner/safety.rs"]
mod safety;
