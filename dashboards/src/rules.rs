//! The rule files as Prometheus reads them.

use serde_json::{Value, json};

use crate::{RenderError, alerts, recordings};

const HEADER: &str = "# Generated from the metric names: edit dashboards/src, then run `make generate`.\n";
/// Where the runbook is published, a page per alert.
const RUNBOOK: &str = "https://github.com/presale/presale/blob/main/dashboards/runbook.md";

/// The recording rules.
pub(crate) fn recording(path: &'static str) -> Result<String, RenderError> {
    let rules: Vec<Value> = recordings().iter().map(|rule| json!({"record": rule.name, "expr": rule.expr})).collect();
    file(path, "presale-recording", &rules)
}

/// The alerts, each with a link to its page of the runbook.
pub(crate) fn alerting(path: &'static str) -> Result<String, RenderError> {
    let rules: Vec<Value> = alerts()
        .iter()
        .map(|alert| {
            json!({
                "alert": alert.name,
                "expr": alert.expr,
                "for": alert.hold,
                "labels": {"severity": alert.severity.label()},
                "annotations": {
                    "summary": alert.summary,
                    "description": format!("{} {}", alert.meaning, alert.impact),
                    "runbook_url": format!("{RUNBOOK}#{}", alert.name.to_lowercase()),
                },
            })
        })
        .collect();
    file(path, "presale-alerts", &rules)
}

fn file(path: &'static str, group: &str, rules: &[Value]) -> Result<String, RenderError> {
    let groups = json!({"groups": [{"name": group, "rules": rules}]});
    let body = serde_norway::to_string(&groups).map_err(|source| RenderError::Yaml { path, source })?;
    Ok(format!("{HEADER}{body}"))
}
