//! Generated files against their generators, both ways; `make generate` runs this suite with `UPDATE=1`, which heals.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

mod comparison;
mod crds;
mod dashboards;
mod shop;
