//! Grafana dashboard, recording rules, alerts and runbook, rendered from the metric names.
//!
//! ```text
//! metric names --> panels, recording rules, alerts --render--> presale-service.json, rules/*.yaml, runbook.md
//! ```
//! Pure: the same names give the same bytes.

mod alert;
mod alerts;
mod dashboard;
mod panel;
mod panels;
mod recording;
mod rules;
mod runbook;

use std::collections::BTreeMap;

pub use alert::{Alert, Severity};
pub use alerts::alerts;
pub use panel::{Panel, PanelQuery, Query};
pub use panels::{panels, queries};
pub use recording::{Recording, recordings};

/// A file that could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// As JSON.
    #[error("print {path} as JSON")]
    Json {
        /// The file.
        path: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// As YAML.
    #[error("print {path} as YAML")]
    Yaml {
        /// The file.
        path: &'static str,
        /// Why.
        #[source]
        source: serde_norway::Error,
    },
}

/// Every generated file: path from the repository's root, and text.
///
/// # Errors
/// [`RenderError`] where a file does not print, which no name can cause.
pub fn render() -> Result<BTreeMap<String, String>, RenderError> {
    let files = [
        ("dashboards/presale-service.json", dashboard::text("dashboards/presale-service.json")?),
        ("dashboards/rules/recording.yaml", rules::recording("dashboards/rules/recording.yaml")?),
        ("dashboards/rules/alerts.yaml", rules::alerting("dashboards/rules/alerts.yaml")?),
        ("dashboards/runbook.md", runbook::text()),
    ];
    Ok(files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect())
}
