//! A small shop that is open, and the audit of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loadgen::audit::{Places, Report, Terms, audit};
use presale_shop::{Options, Secrets, Shop};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::plan::PRODUCTS;

/// The program `shop` of the same build.
fn program() -> PathBuf {
    let shop = Path::new(env!("CARGO_BIN_EXE_presale-shop")).with_file_name("shop");
    assert!(shop.is_file(), "{} is missing: run `cargo build -p shop` and try again", shop.display());
    shop
}

/// Opens a shop; these flags of services count before its own.
pub(crate) async fn open(flags: &[(&'static str, &str)]) -> anyhow::Result<Shop> {
    open_certified(flags, None).await
}

/// The same, whose services know each other by the certificates in this folder.
pub(crate) async fn open_certified(
    flags: &[(&'static str, &str)],
    certificates: Option<PathBuf>,
) -> anyhow::Result<Shop> {
    let mut more: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (service, flag) in flags {
        more.entry(service).or_default().push((*flag).to_owned());
    }
    let (program, listen, secrets) = (program(), ([127, 0, 0, 1], 0).into(), Secrets::known());
    let fronts = BTreeMap::new();
    let options =
        Options { program, listen, products: PRODUCTS, secrets, certificates, fronts, flags: more, proxied: false };
    Shop::open(options, &|_| {}).await
}

/// Audits it, and waits so long for it to come to rest.
pub(crate) async fn audited(shop: &Shop, within: Duration) -> anyhow::Result<Report> {
    let terms = Terms { within, deadline: Duration::from_mins(10), strangers: 3 };
    Ok(audit(&Places::read(&shop.places)?, terms).await?)
}

/// Changes a database as its superuser, whom no rule stops.
pub(crate) async fn meddle(shop: &Shop, database: &str, statements: &str) -> anyhow::Result<()> {
    let mut connection = superuser(shop, database).await?;
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await?;
    Ok(())
}

/// The one text that a statement selects.
pub(crate) async fn selected(shop: &Shop, database: &str, statement: &'static str) -> anyhow::Result<String> {
    Ok(sqlx::query_scalar(statement).fetch_one(&mut superuser(shop, database).await?).await?)
}

async fn superuser(shop: &Shop, database: &str) -> anyhow::Result<PgConnection> {
    let url = shop.postgres.url();
    let server = url.strip_suffix("/postgres").unwrap_or(&url);
    Ok(PgConnection::connect(&format!("{server}/{database}")).await?)
}
