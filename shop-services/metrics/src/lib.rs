//! Names, units and labels of the metrics that every shop service exports, and the families that record them.

pub mod accounts;
pub mod backlog;
pub mod breakers;
pub mod calls;
pub mod events;
pub mod families;
pub mod names;
pub mod notifications;
pub mod orders;
pub mod payments;
pub mod proxying;
pub mod recommendations;
pub mod stock;

pub use accounts::Accounts;
pub use backlog::Backlog;
pub use breakers::Breakers;
pub use calls::Calls;
pub use events::Events;
pub use families::{
    Admission, Build, Database, DatabaseOperation, HttpServer, Lifecycle, Offered, PoolState, Process, Rejected,
    Request, ShopMetrics,
};
pub use names::{Kind, Metric};
pub use notifications::Notifications;
pub use orders::Orders;
pub use payments::Payments;
pub use proxying::Proxying;
pub use recommendations::Recommendations;
pub use stock::Stock;
