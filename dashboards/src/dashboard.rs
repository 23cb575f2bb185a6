//! The Grafana dashboard: variables, panels on a grid, links; stable to the byte.

use presale_metrics::names as presale;
use serde_json::{Value, json};

use crate::panel::datasource;
use crate::{RenderError, panels};

/// The dashboard's JSON.
pub(crate) fn text(path: &'static str) -> Result<String, RenderError> {
    let mut text = serde_json::to_string_pretty(&json()).map_err(|source| RenderError::Json { path, source })?;
    text.push('\n');
    Ok(text)
}

fn json() -> Value {
    let drawn: Vec<Value> =
        panels().iter().enumerate().map(|(i, panel)| panel.json(i + 1, (12 * (i % 2), 8 * (i / 2)))).collect();
    json!({
        "uid": "presale-service",
        "title": "Presale / Service",
        "description": "One service under Presale: load, forecast, replicas and the reasons for them.",
        "tags": ["presale"],
        "schemaVersion": 39,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            variable("namespace", "Namespace", &format!("label_values({}, namespace)", presale::REPLICAS_DESIRED)),
            variable(
                "service",
                "Service",
                &format!("label_values({}{{namespace=\"$namespace\"}}, service)", presale::REPLICAS_DESIRED),
            ),
        ]},
        "annotations": {"list": [{
            "name": "Replicas written", "datasource": datasource(), "enable": true, "iconColor": "blue",
            "expr": written(),
            "titleFormat": "{{outcome}}", "textFormat": "{{reason}}",
        }]},
        "panels": drawn,
    })
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "datasource": datasource(),
        "query": {"query": query, "refId": name}, "definition": query, "refresh": 2, "sort": 1,
        "includeAll": false, "multi": false,
    })
}
/// Counters that are higher than an interval ago, or that are new: the first write of a reason counts from no zero.
fn written() -> String {
    let counter = format!("{}{{namespace=\"$namespace\",service=\"$service\"}}", presale::SCALES);
    format!("sum by (outcome, reason) ({counter} unless ({counter} <= {counter} offset $__interval))")
}
