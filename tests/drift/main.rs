//! Generated files against their generators, both ways; `make generate` runs this suite with `UPDATE=1`, which heals.

mod comparison;
mod crds;
mod dashboards;
