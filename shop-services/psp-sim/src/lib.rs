//! A payment provider to develop against: keeps its word by the merchant's keys, and misbehaves as it is told.
//!
//! It stands outside of the shop's trust: nothing in the shop depends on this crate but the one binary. Its books live
//! as long as the process does, or in a file for longer.

pub mod book;
mod journal;
pub mod notice;
pub mod program;
pub mod serve;

pub use serve::{Config, PspError, run};
