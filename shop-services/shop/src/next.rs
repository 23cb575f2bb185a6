//! The same services as the next version will say and keep more: what `make e2e` runs beside those of today.

#[path = "main.rs"]
mod today;

fn main() -> anyhow::Result<()> {
    today::main()
}
