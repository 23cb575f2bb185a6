//! PostgreSQL: one database per test, killed and revived with what was committed.

use test_kit::{Postgres, debian_binary};
use tokio::process::Command;

async fn sql(url: &str, statement: &str) -> anyhow::Result<String> {
    let psql = debian_binary("postgresql", "psql")?;
    let output = Command::new(psql).args(["--no-psqlrc", "-qtAc", statement, url]).output().await?;
    anyhow::ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() -> anyhow::Result<()> {
    let postgres = Postgres::shared().await?;
    let (one, other) = (postgres.database().await?, postgres.database().await?);
    sql(&one, "create table product (name text)").await?;
    assert_eq!(sql(&other, "select count(*) from pg_tables where tablename = 'product'").await?, "0");
    Ok(())
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() -> anyhow::Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.database().await?;
    sql(&url, "create table product (name text); insert into product values ('lamp')").await?;
    postgres.kill().await?;
    assert!(sql(&url, "select 1").await.is_err(), "a killed server answers");
    postgres.revive().await?;
    assert_eq!(sql(&url, "select name from product").await?, "lamp");
    Ok(())
}
