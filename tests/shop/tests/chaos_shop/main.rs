//! Chaos in the whole shop: under the load of a sale every process is killed or frozen, databases and broker among them,
//! networks are slow, cut, silent or spoil answers, the payment provider misbehaves; and no promise is broken.

mod at_rest;
mod clerk;
mod fault;
mod round;
mod stage;
mod strike;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use presale_shop::{Options, Secrets, Shop};
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use summary::Summary;

/// Products that it sells.
const PRODUCTS: u32 = 20;
/// Longest round, seconds: after each the shop comes to rest and is audited.
const ROUND: u64 = 300;
/// Time runs faster here than in a shop: outages last seconds instead of minutes, so pauses between attempts do, too,
/// and an order that was given to a person is looked at again soon. Those who try stolen passwords try them on few
/// accounts: were each closed after ten, as it would be, its customer could not be asked what became of an order.
const FLAGS: [(&str, &str); 5] = [
    ("accounts", "--attempts-per-account=100000"),
    ("orders", "--saga-retry-delay=200ms"),
    ("orders", "--saga-review-period=5s"),
    ("payments", "--psp-retry-delay=200ms"),
    ("payments", "--psp-attempts=50"),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_promise_is_broken_whatever_is_killed_frozen_slow_cut_or_misbehaves() -> anyhow::Result<()> {
    let drawn = u64::from(ChaCha8Rng::from_os_rng().next_u32());
    // Not SECONDS: that is a variable of the shell's own.
    let (seconds, seed) = (setting("CHAOS_SECONDS", 3600)?.max(10), setting("CHAOS_SEED", drawn)?);
    println!("{seconds} s of chaos; the same again: CHAOS_SECONDS={seconds} CHAOS_SEED={seed}");
    let say = |line: String| println!("{line}");
    let mut shop = Shop::open(options()?, &say).await?;
    let rounds = seconds.div_ceil(ROUND);
    let mut summary = Summary::new(seed, seconds);
    for number in 0..rounds {
        let plan = round::Plan { number, seed, seconds: seconds / rounds };
        let played = Box::pin(plan.play(&mut shop, &say)).await.with_context(|| format!("CHAOS_SEED={seed}"));
        match played {
            Ok(round) => {
                say(format!("round {} of {rounds}: {}", number + 1, round.line()));
                summary.rounds.push(round);
            }
            Err(error) => summary.ended_early = Some(format!("{error:#}")),
        }
        if !summary.broken().is_empty() {
            break;
        }
    }
    say(summary.table());
    summary.write(&out("chaos-shop.json"))?;
    let broken = summary.broken();
    if !broken.is_empty() {
        keep_logs(&shop)?;
    }
    shop.close().await?;
    ensure!(broken.is_empty(), "CHAOS_SEED={seed}, logs in {}: {broken:#?}", out("chaos-shop").display());
    Ok(())
}

fn options() -> anyhow::Result<Options> {
    let program = Path::new(env!("CARGO_BIN_EXE_presale-shop")).with_file_name("shop");
    ensure!(program.is_file(), "{} is missing: run `cargo build -p shop` and try again", program.display());
    let mut flags: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (service, flag) in FLAGS {
        flags.entry(service).or_default().push(flag.to_owned());
    }
    let (listen, secrets) = (([127, 0, 0, 1], 0).into(), Secrets::known());
    Ok(Options {
        program,
        listen,
        products: PRODUCTS,
        secrets,
        certificates: None,
        fronts: BTreeMap::new(),
        flags,
        proxied: true,
    })
}

/// A number from the environment: how a make target says how long and which.
#[expect(clippy::disallowed_methods, reason = "the composition root of this suite")]
fn setting(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}: a whole number would pass")),
        Err(_) => Ok(default),
    }
}

/// Where results go.
fn out(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../out").join(name)
}

/// What everybody said, for whoever looks for the fault: the shop's own folder goes with this process.
fn keep_logs(shop: &Shop) -> anyhow::Result<()> {
    let folder = out("chaos-shop");
    std::fs::create_dir_all(&folder)?;
    for (name, service) in &shop.services {
        std::fs::copy(service.log(), folder.join(format!("{name}.log")))?;
    }
    Ok(())
}
