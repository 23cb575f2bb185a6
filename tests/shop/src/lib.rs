//! The shop's services beside a real PostgreSQL and a real NATS: as processes on this machine, or as pods on the node.
//!
//! Tests start some of them with [`Service::start`], developers all of them with [`Shop::open`], which `make shop`
//! runs; what each service is told of the others is written once, in [`Wiring`]. [`PodShop::install`] opens the same
//! shop on the node, by its chart, and [`Day`] says who comes to it on a day of promotion.

mod authority;
mod day;
mod goods;
mod open;
mod places;
mod pods;
mod service;
mod tour;
mod wiring;

pub use authority::{Authority, believe};
pub use day::{Day, FLOOR, arrive, audited, failed};
pub use open::{Options, Say, Shop};
pub use pods::{Lot, PROMOTED, PodShop, small};
pub use service::{Launch, Service};
pub use tour::tour;
pub use wiring::{Link, NAMES, Secrets, Wiring, links};
