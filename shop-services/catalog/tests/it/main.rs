//! The catalog on a real PostgreSQL, spoken to over real sockets.

mod contract;
mod lifecycle;
mod reading;
mod running;
mod writing;
