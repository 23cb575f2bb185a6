//! A first request that comes while a service runs no replica: the gateway holds it until one is there.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use loadgen::connection::{Connection, Message};
use presale_shop::{Launch, Secrets, Service, Shop, Wiring};
use test_kit::{free_address, scratch_folder};
use tokio::time::{Instant, sleep};

use crate::{Row, row};

/// Starts from zero.
const ROUNDS: usize = 30;

const ROUTES: &str = "[[route]]\npath = \"/v1/products\"\nmethods = [\"GET\"]\nservice = \"catalog\"\naudience = \"public\"\n\
    priority = \"normal\"\ndeadline = \"10s\"\nper_client = { per_second = 1000, burst = 1000 }\n";

/// The catalog starts when it is first asked for, on the database that it had.
pub(crate) async fn held(program: &Path, shop: &mut Shop) -> anyhow::Result<Row> {
    let folder = scratch_folder("gateway-from-zero")?;
    let tables = [folder.join("routes.toml"), folder.join("endpoints.toml")];
    std::fs::write(&tables[0], ROUTES)?;
    let nobody = "catalog = []\n";
    std::fs::write(&tables[1], nobody)?;
    let mut wiring = Wiring::new("nats://127.0.0.1:1".to_owned(), Secrets::known());
    (wiring.issuer, wiring.tables) = (Some(shop.services["accounts"].address), Some(tables.clone()));
    let (name, address) = ("gateway", free_address()?);
    let flags = vec!["--drain-delay=0s".to_owned()];
    let gateway = Service::start(Launch { program, name, address, database: None, flags }, &wiring).await?;
    let catalog = shop.services.get_mut("catalog").context("the catalog")?;
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        catalog.stop(Duration::from_secs(20)).await?;
        replace(&tables[1], nobody)?;
        // The gateway has read it, and the round's request does not come at the same moment of its rhythm each time.
        sleep(Duration::from_millis(1_500 + 37 * round as u64)).await;
        let asked = Instant::now();
        let request = async {
            let answer =
                Connection::new(address).send(&Message::get("/v1/products"), asked + Duration::from_secs(15)).await;
            (answer.map(|answer| answer.status), asked.elapsed())
        };
        let comes = async {
            catalog.starts_again().await?;
            replace(&tables[1], &format!("catalog = [\"{}\"]\n", catalog.address))
        };
        let ((status, elapsed), come) = tokio::join!(request, comes);
        come?;
        ensure!(status == Ok(200), "the first request was answered {status:?}");
        took.push(elapsed);
    }
    drop(gateway);
    took.sort();
    let what = format!(
        "from zero, the first request held while the process starts, longest of {ROUNDS} (median {} ms; without the start of a pod)",
        took[ROUNDS / 2].as_millis()
    );
    Ok(row(what, format!("{} ms", took[ROUNDS - 1].as_millis()), "≤ 3 s; ≤ 1.5 s"))
}

/// In one go, so that nobody reads half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    Ok(std::fs::rename(new, path)?)
}
