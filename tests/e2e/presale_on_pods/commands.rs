//! The command line, outside of the cluster, finds the leader's pod by its lease and asks it through the API server.

use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::Value;

use crate::stage::{CALM, CATALOG, Stage};
use crate::until;

/// `top`, `explain`, `forecast` and `doctor` say what only the operator knows.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    until("top shows the live load", Duration::from_secs(90), || async {
        let lines: Value = serde_json::from_str(&stage.presale(&["top", "-o", "json"]).await?)?;
        let line = lines.as_array().and_then(|lines| lines.iter().find(|line| line["name"] == CATALOG.name));
        Ok(line.is_some_and(|line| line["live"]["load"].as_f64().is_some_and(|load| load > 1.0)).then_some(()))
    })
    .await?;
    let table = stage.presale(&["top"]).await?;
    ensure!(table.starts_with("NAME") && table.contains(CATALOG.name) && table.contains(CALM.name), "{table}");
    until("a decision of the calm service rests on fresh load", Duration::from_secs(90), || async {
        let explained = stage.presale(&["explain", CALM.name]).await?;
        let complete = explained.contains("What it rests on") && explained.contains("load        Fresh");
        Ok(complete.then_some(()))
    })
    .await?;
    until("a forecast is made of four weeks", Duration::from_secs(120), || async {
        let Ok(told) = stage.presale(&["forecast", CALM.name, "-o", "json"]).await else { return Ok(None) };
        let told: Value = serde_json::from_str(&told)?;
        Ok((!told.is_null()).then_some(()))
    })
    .await?;
    // The catalog's past ends where the stage began: its first readings come from there, and then none until its own
    // pods have been scraped twice.
    let well = until("the doctor finds nothing wrong", Duration::from_secs(60), || async {
        Ok(stage.presale(&["doctor"]).await.ok())
    });
    let Ok(found) = well.await else { bail!("not within a minute: {:#?}", stage.presale(&["doctor"]).await) };
    ensure!(found.contains("Prometheus") && found.contains("everything is as it should be"), "{found}");
    Ok(())
}
