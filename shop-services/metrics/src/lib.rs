//! Names, units and labels of the metrics that every shop service exports, and the families that record them.

pub mod families;
pub mod names;

pub use families::{
    Admission, Build, Database, DatabaseOperation, HttpServer, Lifecycle, Offered, PoolState, Process, Rejected,
    Request, ShopMetrics,
};
pub use names::{Kind, Metric};
