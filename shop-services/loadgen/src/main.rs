//! Entry point; see the crate description in Cargo.toml.

fn main() {}
