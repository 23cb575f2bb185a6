//! The shop's services as processes on this machine, beside a real PostgreSQL and a real NATS.
//!
//! Tests start some of them with [`Service::start`], developers all of them with [`Shop::open`], which `make shop`
//! runs; what each service is told of the others is written once, in [`Wiring`].

mod authority;
mod goods;
mod open;
mod service;
mod tour;
mod wiring;

pub use authority::{Authority, believe};
pub use open::{Options, Say, Shop};
pub use service::{Launch, Service};
pub use tour::tour;
pub use wiring::{NAMES, Secrets, Wiring};
