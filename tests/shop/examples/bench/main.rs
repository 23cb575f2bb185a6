//! What the shop costs on this machine: cold starts, memory, orders and reservations per second, an overload, a
//! start from zero, and the gateway beside nginx. Prints one table; run it on a quiet machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod orders;
mod overload;
mod proxy;
mod start;
mod stock;
mod zero;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;
use presale_shop::{Options, Secrets, Shop};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Measure the shop on this machine
#[derive(Debug, Parser)]
struct Cli {
    /// The program `shop`; where absent, the one of the same build
    #[arg(long, value_name = "FILE")]
    shop: Option<PathBuf>,
    /// Only measurements whose name begins like this: start, memory, stock, orders, overload, zero, gateway
    #[arg(long, default_value = "", value_name = "NAME")]
    only: String,
    /// Seconds of load for each figure
    #[arg(long, default_value_t = 10, value_name = "N")]
    seconds: u32,
}

/// One row of the table.
struct Row {
    what: String,
    measured: String,
    must: &'static str,
}

fn row(what: impl Into<String>, measured: impl Into<String>, must: &'static str) -> Row {
    Row { what: what.into(), measured: measured.into(), must }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli { shop, only, seconds } = Cli::parse();
    let own = std::env::current_exe().context("find this program")?;
    let beside = own.ancestors().nth(2).context("a folder of builds")?.join("shop");
    let program = shop.unwrap_or(beside);
    ensure!(program.is_file(), "{} is missing: run `cargo build --release -p shop` and try again", program.display());
    let wanted = |name: &str| name.starts_with(&only);
    let mut rows = Vec::new();
    if ["start", "memory", "stock", "orders", "overload", "zero"].iter().any(|name| wanted(name)) {
        let options = Options {
            program: program.clone(),
            listen: ([127, 0, 0, 1], 0).into(),
            products: 200,
            secrets: Secrets::drawn(&mut ChaCha8Rng::from_os_rng()),
            certificates: None,
            fronts: BTreeMap::new(),
            flags: BTreeMap::new(),
            proxied: false,
        };
        let mut shop = Shop::open(options, &|line| say(&line)).await?;
        if wanted("memory") {
            rows.extend(start::memory(&shop).await?);
        }
        if wanted("start") {
            rows.extend(start::cold(&mut shop).await?);
        }
        if wanted("stock") {
            rows.push(stock::hot(&shop, seconds).await?);
        }
        if wanted("orders") {
            rows.extend(orders::confirmed(&shop, seconds).await?);
        }
        if wanted("overload") {
            rows.push(overload::checkout(&shop, seconds).await?);
        }
        if wanted("zero") {
            rows.push(zero::held(&program, &mut shop).await?);
        }
        shop.close().await?;
    }
    if wanted("gateway") {
        rows.extend(proxy::beside_nginx(&program, seconds).await?);
    }
    println!("| what | measured | must; aim |\n|---|--:|--:|");
    for Row { what, measured, must } in rows {
        println!("| {what} | {measured} | {must} |");
    }
    Ok(())
}

fn say(line: &str) {
    use std::io::Write;
    // Progress is no result.
    let _ = writeln!(std::io::stderr(), "{line}");
}
