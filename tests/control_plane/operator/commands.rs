//! The command line against a live operator: what people type, with the output and the exit codes that are documented.

use std::fmt::Write;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Operator, Stage, binary, jiff_now, load, signal, until};

/// Runs `presale` with those arguments in the stage's namespace.
async fn presale(stage: &Stage, operator: &Operator, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(binary().await?)
        .args(arguments)
        .env("KUBECONFIG", stage.server.kubeconfig())
        .env("PRESALE_OPERATOR", format!("http://{}", operator.address))
        .output()
        .await?;
    Ok(output)
}

/// What a successful command prints.
async fn printed(stage: &Stage, operator: &Operator, arguments: &[&str]) -> Result<String> {
    let output = presale(stage, operator, arguments).await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {} {complaint}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// What a command says as JSON, whatever its exit code.
async fn json_of(stage: &Stage, operator: &Operator, arguments: &[&str]) -> Result<(Value, Option<i32>)> {
    let output = presale(stage, operator, &[arguments, &["-o", "json"]].concat()).await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?}: {complaint}"))?;
    Ok((value, output.status.code()))
}

/// The cells of a line of a table, which stand at least two blanks apart.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// The line of a table that has all of those cells.
fn has_line(table: &str, wanted: &[&str]) -> bool {
    table.lines().any(|line| wanted.iter().all(|cell| cells(line).contains(cell)))
}

#[tokio::test]
async fn a_service_is_watched_explained_and_pinned() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.status("catalog", "raised by the live load", |s| s["replicas"].as_u64().is_some_and(|n| n >= 5)).await?;
    let n = ["-n", stage.namespace.as_str()];

    let top = until("the live load is shown", || async {
        let (top, _) = json_of(&stage, &operator, &[&["top"], &n[..]].concat()).await?;
        Ok((top[0]["live"]["load"] == 300.0).then_some(top))
    })
    .await?;
    ensure!(top[0]["name"] == "catalog", "{top:#}");
    let top = printed(&stage, &operator, &[&["top"], &n[..]].concat()).await?;
    ensure!(cells(&top)[0] == "NAME" && has_line(&top, &["catalog", "Auto"]), "{top}");

    until("the load is explained", || async {
        let explained = printed(&stage, &operator, &[&["explain", "catalog", "--replay"], &n[..]].concat()).await?;
        Ok((explained.contains("live load asks for") && explained.contains("What it rests on")).then_some(()))
    })
    .await?;
    let record = printed(&stage, &operator, &[&["explain", "catalog", "-o", "json"], &n[..]].concat()).await?;
    let at = serde_json::from_str::<Value>(&record)?["at"].as_str().context("at")?.to_owned();
    let earlier =
        printed(&stage, &operator, &[&["explain", "catalog", "--at", &at, "-o", "yaml"], &n[..]].concat()).await?;
    ensure!(earlier.contains("decision:"), "{earlier}");

    printed(&stage, &operator, &[&["pin", "catalog", "9"], &n[..]].concat()).await?;
    stage.scaled("catalog", 9).await?;
    printed(&stage, &operator, &[&["unpin", "catalog"], &n[..]].concat()).await?;
    ensure!(stage.shops().get("catalog").await?.spec.replicas.fixed.is_none());

    let outside = presale(&stage, &operator, &[&["pin", "catalog", "99"], &n[..]].concat()).await?;
    let complaint = String::from_utf8(outside.stderr)?;
    ensure!(outside.status.code() == Some(1) && complaint.contains("replicas.fixed must lie within"), "{complaint}");
    let nobody = presale(&stage, &operator, &[&["explain", "nobody"], &n[..]].concat()).await?;
    ensure!(nobody.status.code() == Some(3), "{nobody:?}");

    let doctor = [&["doctor"], &n[..]].concat();
    until("the doctor finds nothing wrong", || async {
        let (findings, code) = json_of(&stage, &operator, &doctor).await?;
        let checks = findings.as_array().context("findings")?;
        let all = ["API server", "CRD shopservices.presale.dev", "CRD promotionevents.presale.dev", "operator"];
        let looked = all.iter().all(|check| checks.iter().any(|finding| finding["check"] == *check));
        ensure!(looked, "{findings:#}");
        Ok((code == Some(0) && checks.iter().all(|finding| finding["ok"] == true)).then_some(()))
    })
    .await?;
    load.prometheus.kill().await?;
    until("the doctor finds what is wrong", || async {
        let (findings, code) = json_of(&stage, &operator, &doctor).await?;
        let bad = |finding: &&Value| finding["ok"] == false && finding["cure"].is_string();
        let found = findings.as_array().context("findings")?.iter().filter(bad);
        let named =
            found.filter(|finding| finding["found"].as_str().is_some_and(|words| words.contains("SignalError")));
        Ok((code == Some(5) && named.count() == 1).then_some(()))
    })
    .await?;
    let sick = presale(&stage, &operator, &doctor).await?;
    let told = String::from_utf8(sick.stdout)?;
    ensure!(told.contains("cure: ") && has_line(&told, &["ok", "API server"]), "{told}");
    operator.stop().await
}

#[tokio::test]
async fn a_promotion_is_created_listed_planned_and_cancelled() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    stage.shop("catalog", json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20}})).await?;
    stage.scaled("catalog", 2).await?;
    let n = ["-n", stage.namespace.as_str()];
    let create =
        ["promo", "create", "flash", "--service", "catalog", "--start", "in 20m", "--uplift", "4", "--floor", "8"];
    printed(&stage, &operator, &[&create, &n[..]].concat()).await?;
    until("it is planned", || async {
        let plan = printed(&stage, &operator, &[&["promo", "plan", "flash"], &n[..]].concat()).await?;
        Ok((plan.contains("Scheduled") && has_line(&plan, &["catalog", "8"])).then_some(()))
    })
    .await?;
    let list = printed(&stage, &operator, &[&["promo", "list"], &n[..]].concat()).await?;
    ensure!(cells(&list)[0] == "NAME" && has_line(&list, &["flash", "FlashSale"]), "{list}");
    printed(&stage, &operator, &[&["promo", "cancel", "flash"], &n[..]].concat()).await?;
    until("it is cancelled", || async {
        let plan = printed(&stage, &operator, &[&["promo", "plan", "flash"], &n[..]].concat()).await?;
        Ok(plan.contains("Cancelled").then_some(()))
    })
    .await?;
    let gap = ["promo", "create", "gap", "--service", "catalog", "--start", "2027-03-28T02:30:00"];
    let refused = presale(&stage, &operator, &[&gap[..], &["--time-zone", "Europe/Berlin"], &n[..]].concat()).await?;
    let complaint = String::from_utf8(refused.stderr)?;
    ensure!(refused.status.code() == Some(1) && complaint.contains("2027-03-28T03:30:00"), "{complaint}");
    operator.stop().await
}

/// Three days by the minute, with a daily wave.
fn three_days(now: i64) -> Result<String> {
    let mut text = "# TYPE offered_load gauge\n".to_owned();
    for minute in (1..3 * 1_440).rev() {
        let at = (now / 60 - minute) * 60;
        let hour = f64::from(u16::try_from(at.rem_euclid(86_400) / 60)?) / 60.0;
        let wave = (std::f64::consts::TAU * hour / 24.0).sin();
        writeln!(text, "offered_load{{instance=\"past\"}} {:.2} {at}", 300.0 + 150.0 * wave)?;
    }
    text.push_str("# EOF\n");
    Ok(text)
}

#[tokio::test]
async fn a_backtest_reads_its_recording_from_a_running_prometheus() -> Result<()> {
    let now = jiff_now().as_second();
    let load = load(300.0, Some(three_days(now)?)).await?;
    let (url, out) = (load.prometheus.url(), tempfile::tempdir()?);
    let json = out.path().join("outcomes.json");
    let backtest = async |query: &str| {
        let mut command = Command::new(binary().await?);
        command.args(["backtest", "--policies", "presale,hpa", "--since", "3d", "--prometheus", &url]);
        anyhow::Ok(command.args(["--query", query, "--json"]).arg(&json).output().await?)
    };

    let good = backtest("sum(offered_load{instance=\"past\"})").await?;
    ensure!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let outcomes: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let policies: Vec<_> = outcomes.as_array().context("a list")?.iter().map(|o| o["policy"].clone()).collect();
    ensure!(policies == ["presale", "hpa"], "{outcomes:#}");
    for outcome in outcomes.as_array().into_iter().flatten() {
        // A day and a half at ten replicas on average; an oracle needs no less than half of it.
        let hours = outcome["replica_hours"].as_f64().context("hours")?;
        ensure!((180.0..900.0).contains(&hours), "{outcome:#}");
    }

    let two = "offered_load{instance=\"past\"} or label_replace(offered_load{instance=\"past\"}, \"copy\", \"1\", \"\", \"\")";
    for (query, said) in [("absent_series", "0 values"), ("sum(", "--query sum("), (two, "")] {
        let bad = backtest(query).await?;
        let complaint = String::from_utf8_lossy(&bad.stderr).into_owned();
        ensure!(!bad.status.success() && complaint.contains(said), "{query}: {complaint}");
    }
    Ok(())
}
