//! A panel: what it asks, in which unit, and how Grafana draws it.

use serde_json::{Value, json};

/// One query of a panel, for the service that the dashboard's variables name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// PromQL with `$namespace`, `$service` and `$__rate_interval`.
    pub expr: String,
    /// Legend.
    pub legend: &'static str,
}

/// A query as Prometheus can run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelQuery {
    /// Title of its panel.
    pub panel: &'static str,
    /// Its legend.
    pub legend: &'static str,
    /// PromQL without variables.
    pub expr: String,
    /// Whether it has data only once something happened (a promotion, a decision, a failure), not at rest.
    pub eventful: bool,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Lines.
    Lines,
    /// Lines over a band between the first two queries.
    Band,
    /// Steps, as counts have them.
    Steps,
    /// Stacked bars.
    Bars,
    /// A row of states over time.
    States,
}

/// One panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// Title.
    pub title: &'static str,
    /// What it shows and what to look for.
    pub description: &'static str,
    /// Grafana's name of the unit.
    pub unit: &'static str,
    /// Its queries.
    pub queries: Vec<Query>,
    /// See [`PanelQuery::eventful`].
    pub eventful: bool,
    pub(crate) look: Look,
}

impl Panel {
    /// Grafana's JSON at a place of the 24-column grid.
    pub(crate) fn json(&self, id: usize, (x, y): (usize, usize)) -> Value {
        let kind = if self.look == Look::States { "state-timeline" } else { "timeseries" };
        let targets: Vec<Value> = (b'A'..)
            .zip(&self.queries)
            .map(|(letter, query)| {
                json!({
                    "datasource": datasource(), "editorMode": "code", "range": true,
                    "expr": query.expr, "legendFormat": query.legend, "refId": char::from(letter).to_string(),
                })
            })
            .collect();
        json!({
            "id": id, "type": kind, "title": self.title, "description": self.description,
            "datasource": datasource(), "targets": targets,
            "gridPos": {"h": 8, "w": 12, "x": x, "y": y},
            "fieldConfig": {"defaults": {"unit": self.unit, "min": 0, "custom": self.custom()}, "overrides": self.overrides()},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
        })
    }

    fn custom(&self) -> Value {
        match self.look {
            Look::Lines | Look::Band => {
                json!({"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "spanNulls": false})
            }
            Look::Steps => {
                json!({"drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 2, "fillOpacity": 0})
            }
            Look::Bars => {
                json!({"drawStyle": "bars", "fillOpacity": 70, "lineWidth": 0, "stacking": {"mode": "normal"}})
            }
            Look::States => json!({"fillOpacity": 70, "lineWidth": 0}),
        }
    }

    /// The second query of a band fills down to the first; both are drawn without a line.
    fn overrides(&self) -> Value {
        let (Look::Band, [low, high, ..]) = (self.look, self.queries.as_slice()) else { return json!([]) };
        let named = |legend: &str, more: Value| {
            let hidden = json!({"id": "custom.lineWidth", "value": 0});
            let properties = [vec![hidden], more.as_array().cloned().unwrap_or_default()].concat();
            json!({"matcher": {"id": "byName", "options": legend}, "properties": properties})
        };
        let fill = json!([
            {"id": "custom.fillBelowTo", "value": low.legend},
            {"id": "custom.fillOpacity", "value": 20},
        ]);
        json!([named(low.legend, json!([])), named(high.legend, fill)])
    }
}

/// The dashboard's data source variable.
pub(crate) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}
