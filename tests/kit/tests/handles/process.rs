//! Servers end, and their folders go, when the test process is killed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Command;

/// Polls a condition for up to a minute.
async fn until(what: &str, holds: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    for _ in 0..600 {
        if holds()? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("after a minute still not: {what}")
}

/// Whether a process with this word at the start of its command line has that folder in an argument.
fn runs(program: &str, folder: &str) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let command = std::fs::read_to_string(entry?.path().join("cmdline")).unwrap_or_default();
        let first = command.split('\0').next().unwrap_or_default();
        if first.ends_with(program) && command.contains(folder) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test]
async fn a_killed_test_process_leaves_no_server_and_no_folder() -> anyhow::Result<()> {
    // Another process of this very program, running one test that starts a PostgreSQL.
    let mut tests = Command::new(std::env::current_exe()?)
        .args(["--exact", "postgres::what_was_committed_survives_a_kill"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let id = tests.id().context("the tests ended at once")?;
    let folder = format!("{}/presale-test-{id}", std::env::temp_dir().display());
    until("its server runs", || runs("/postgres", &folder)).await?;
    tests.kill().await?;
    until("its server is gone", || Ok(!runs("/postgres", &folder)?)).await?;
    until("its folder is gone", || Ok(!Path::new(&folder).exists())).await
}
