//! The whole shop on this machine, without Kubernetes, until Ctrl-C; then nothing is left of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use presale_shop::{Options, Secrets, Shop, tour};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Start the whole shop on this machine and show a tour; Ctrl-C takes it away
#[derive(Debug, Parser)]
#[command(name = "presale-shop", version)]
struct Cli {
    /// Where the gateway listens; port 0 is a free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Products in the catalog
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    products: u32,
    /// The program `shop`; where absent, the one beside this program
    #[arg(long, value_name = "FILE")]
    shop: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("the shop is closed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { listen, products, shop }: Cli) -> anyhow::Result<()> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let interrupted = async {
        tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
    };
    tokio::pin!(interrupted);
    let since = Instant::now();
    let secrets = Secrets::drawn(&mut ChaCha8Rng::from_os_rng());
    let (program, fronts, flags) = (program(shop)?, BTreeMap::new(), BTreeMap::new());
    let options = Options { program, listen, products, secrets, certificates: None, fronts, flags, proxied: false };
    let say = |what: String| line(&what);
    let opened = tokio::select! {
        opened = Shop::open(options, &say) => Some(opened),
        () = &mut interrupted => None,
    };
    let shop = match opened {
        Some(Ok(shop)) => shop,
        failed => {
            // What had been started is gone with the future; its folders go, too.
            let cleared = test_kit::clear_scratch();
            return failed.map_or(Ok(()), |opened| opened.map(drop)).and(cleared.map_err(Into::into));
        }
    };
    welcome(&shop, since).await?;
    interrupted.await;
    line("closing: whoever is being served is served to the end ...");
    shop.close().await?;
    test_kit::clear_scratch()?;
    line("closed; nothing is left");
    Ok(())
}

/// Prints where everything is, and the tour.
async fn welcome(shop: &Shop, since: Instant) -> anyhow::Result<()> {
    let url = format!("http://{}", shop.gateway);
    let listed = shop.services["catalog"].client.send("GET", "/v1/products?limit=1", &[], None).await?.json();
    let product = listed["items"][0]["id"].as_str().context("a product")?;
    let sku = listed["items"][0]["variants"][0]["sku"].as_str().context("a variant")?;
    line(&format!("\nThe shop is open after {:.1} s: {url}\n", since.elapsed().as_secs_f64()));
    line(&tour(&url, product, sku, &shop.wiring.secrets.admin));
    let logs = shop.services["orders"].log().ancestors().nth(2).context("the folder of logs")?;
    line(&format!("Logs: {}/*/*.log", logs.display()));
    line(&format!("Databases, broker and provider, for `loadgen audit`: {}", shop.places.display()));
    line("Ctrl-C closes the shop and leaves nothing behind.");
    Ok(())
}

/// The program named, or the one beside this program.
fn program(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    let program = named.unwrap_or_else(|| own.with_file_name("shop"));
    ensure!(program.is_file(), "{} is missing: run `cargo build -p shop` and try again", program.display());
    Ok(program)
}

fn line(text: &str) {
    // Nobody is left to tell where standard output is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}
