//! The Kubernetes adapter: observe, apply, status, events, convert, lease; makes no choices.
//!
//! Facts go in by [`observe`] (from the caches of [`watch`]), what a person wrote is parsed once by [`convert`], and one
//! decision leaves by [`scale`]. Everything is written through a [`Writer`], which asks the lease first.

pub mod client;
mod conditions;
pub mod convert;
pub mod error;
pub mod events;
pub mod evict;
pub mod lease;
pub mod merge;
pub mod observe;
pub mod owned;
pub mod pods;
pub mod promotion_status;
pub mod rbac;
pub mod replicas_owner;
pub mod reserve;
pub mod rivals;
pub mod scale;
pub mod selector;
pub mod status;
pub mod target;
pub mod watch;
pub mod write;

pub use client::connect;
pub use error::Error;
pub use events::{Events, Notice};
pub use evict::{Evicted, evict};
pub use lease::{Elector, Leadership};
pub use observe::{Observed, observe};
pub use owned::apply_owned;
pub use pods::PodFacts;
pub use promotion_status::{PromotionReport, promotion_status, write_promotion_status};
pub use replicas_owner::HandScale;
pub use scale::scale;
pub use status::{Report, ReserveReport, failed_status, shop_status, write_shop_status};
pub use target::{Kinds, Target};
pub use watch::{Stores, Wakes, watch};
pub use write::Writer;
