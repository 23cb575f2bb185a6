//! Wire types and the error catalogue of the shop.

pub mod catalog;
pub mod demo;
pub mod error;

pub use error::ErrorCode;
