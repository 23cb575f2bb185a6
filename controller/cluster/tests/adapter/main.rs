//! The adapter on a real API server with real controllers, under the rights of the table in `rbac` and no others.

mod adopts;
mod evicts;
mod ground;
mod leads;
mod owns;
mod reports;
mod reserves;
