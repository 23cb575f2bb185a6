//! Every query of the dashboard and every recording rule, asked of the Prometheus that the stage filled.

use std::time::Duration;

use anyhow::{Context, ensure};
use presale_dashboards::{queries, recordings};
use serde_json::Value;

use crate::release::root;
use crate::stage::{CATALOG, Stage};
use crate::until;

/// Each returns data; so do the annotations.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    let mut asked: Vec<(String, String)> = queries(&stage.namespace, CATALOG.name, "1m")
        .into_iter()
        .map(|query| (format!("panel {:?}, {}", query.panel, query.legend), query.expr))
        .collect();
    asked.extend(recordings().into_iter().map(|rule| (format!("recording {}", rule.name), rule.name.to_owned())));
    let annotations = annotations(stage)?;
    ensure!(!annotations.is_empty() && asked.len() > 25, "{} queries, {} annotations", asked.len(), annotations.len());
    asked.extend(annotations);
    let mut empty = asked;
    // Rates need two scrapes, recordings an evaluation.
    let answered = until("all have data", Duration::from_secs(45), || {
        let left = empty.clone();
        async move { unanswered(stage, left).await.map(|left| left.is_empty().then_some(())) }
    });
    if let Err(error) = answered.await {
        empty = unanswered(stage, empty).await?;
        return Err(error.context(format!("without data: {empty:#?}")));
    }
    Ok(())
}

/// Those that return no sample.
async fn unanswered(stage: &Stage, asked: Vec<(String, String)>) -> anyhow::Result<Vec<(String, String)>> {
    let mut left = Vec::new();
    for (what, expr) in asked {
        let answer = stage.prometheus.query(&expr).await.with_context(|| what.clone())?;
        let samples = answer.as_array().into_iter().flatten();
        let numbers = samples.filter(|sample| sample.pointer("/value/1").is_some_and(|value| value != "NaN"));
        if numbers.count() == 0 {
            left.push((what, expr));
        }
    }
    Ok(left)
}

/// The annotations of the dashboard as it is shipped, over a quarter of an hour.
fn annotations(stage: &Stage) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(root().join("dashboards/presale-service.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let list = dashboard.pointer("/annotations/list").and_then(Value::as_array).context("annotations")?;
    let query = |annotation: &Value| {
        let expr = annotation["expr"].as_str()?.replace("$namespace", &stage.namespace);
        let expr = expr.replace("$service", CATALOG.name).replace("$__interval", "15m");
        Some((format!("annotation {}", annotation["name"]), expr))
    };
    list.iter().map(|annotation| query(annotation).context("an annotation without a query")).collect()
}
