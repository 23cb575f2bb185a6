//! Wire types and the error catalogue of the shop.

pub mod accounts;
pub mod cart;
pub mod catalog;
pub mod demo;
pub mod error;
pub mod event;
pub mod inventory;
pub mod money;
pub mod notifications;
pub mod orders;
pub mod payments;
pub mod pricing;
pub mod psp;
pub mod recommendations;
pub mod storefront;

pub use error::ErrorCode;
pub use money::{Currency, Money};
