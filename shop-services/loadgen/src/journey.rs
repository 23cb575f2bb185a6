//! Journeys of visitors through the whole shop: who comes and when, what they do, and what came of it.
//!
//! Visits start when the model says, whether or not the shop keeps up, and every call is timed from its intended
//! start, so that a shop that stalls cannot hide it. Each visitor comes from an address of their own in 127.0.0.0/8.

mod bots;

pub mod book;
pub mod call;
pub mod orders;
pub mod people;
pub mod preset;
pub mod run;
pub mod shopper;
pub mod verdict;
pub mod visit;
