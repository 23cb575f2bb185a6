//! The pricing service: prices, promotions, coupons, delivery and tax, and signed quotes, on PostgreSQL.

pub mod config;
pub mod coupon;
pub mod error;
pub mod price;
pub mod promotion;
pub mod quote;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod settle;
pub mod validate;

pub use config::{Command, ServeConfig};
pub use error::PricingError;
pub use serve::run;
