//! Dashboard, rules and runbook: as rendered, of metrics that exist, and right in promtool's eyes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use presale_dashboards::{alerts, panels, queries, recordings, render};

use crate::comparison::assert_no_drift;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

#[test]
fn the_dashboard_the_rules_and_the_runbook_are_what_the_names_render() {
    let rendered = render().expect("the names render");
    assert_eq!(render().expect("the names render"), rendered, "the same names give the same bytes");
    assert_no_drift(&rendered);
}

/// Names of metrics in a query: what is followed by a selector, a range, or stands where a vector must.
fn metrics_in(expr: &str) -> BTreeSet<String> {
    let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
    let ours =
        |word: &&str| ["presale_", "shop_", "http_server_", "namespace_service:"].iter().any(|p| word.starts_with(p));
    words.filter(ours).map(str::to_owned).collect()
}

/// Everything that may be asked for: the names of both crates, with a histogram's suffixes, and what is recorded.
fn known() -> BTreeSet<String> {
    let recorded = recordings().into_iter().map(|rule| rule.name.to_owned());
    let stems = presale_metrics::names::ALL.iter().copied().chain(shop_metrics::names::ALL.iter().map(|m| m.name));
    let stored = stems.flat_map(|name| ["", "_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")));
    recorded.chain(stored).collect()
}

/// Metrics that are asked for and that nobody exports or records.
fn unknown(exprs: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let known = known();
    exprs.into_iter().flat_map(|expr| metrics_in(&expr)).filter(|name| !known.contains(name)).collect()
}

#[test]
fn every_panel_alert_and_recording_asks_for_metrics_that_exist() {
    let panels = queries("shop", "catalog", "1m").into_iter().map(|query| query.expr);
    let rules = alerts().into_iter().map(|alert| alert.expr);
    let asked: Vec<String> = panels.chain(rules).chain(recordings().into_iter().map(|rule| rule.expr)).collect();
    assert!(asked.iter().flat_map(|expr| metrics_in(expr)).count() > 30, "the queries were not read");
    assert_eq!(unknown(asked), BTreeSet::new());
    assert!(!unknown(["sum(rate(presale_decisions_renamed_total[5m]))".to_owned()]).is_empty());
}

#[test]
fn every_query_is_filled_in_and_every_panel_explains_itself() {
    for query in queries("shop", "catalog", "1m") {
        assert!(!query.expr.contains('$'), "{}: {}", query.panel, query.expr);
    }
    for panel in panels() {
        assert!(panel.description.ends_with('.') && !panel.queries.is_empty(), "{}", panel.title);
    }
}

#[test]
fn every_alert_has_a_page_of_the_runbook_and_a_unit_test() {
    let runbook = std::fs::read_to_string(root().join("dashboards/runbook.md")).expect("the runbook");
    let tests = std::fs::read_to_string(root().join("dashboards/tests/alerts.yaml")).expect("the unit tests");
    let names: Vec<&str> = alerts().iter().map(|alert| alert.name).collect();
    assert!(names.len() >= 4);
    assert_eq!(unexplained(&names, &runbook, &tests), [""; 0]);
    let planted = unexplained(&["PresalePlanted"], &runbook, &tests);
    assert_eq!(planted, ["PresalePlanted has no page", "PresalePlanted has no unit test"]);
}

/// Alerts without a page of the runbook or a unit test.
fn unexplained(names: &[&str], runbook: &str, tests: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for name in names {
        if !runbook.contains(&format!("\n## {name}\n")) {
            faults.push(format!("{name} has no page"));
        }
        let mentions = [format!("alertname: {name}"), format!("alertname=\"{name}\"")];
        if !mentions.iter().any(|mention| tests.contains(mention)) {
            faults.push(format!("{name} has no unit test"));
        }
    }
    faults
}

fn promtool(args: &[&str]) -> Result<String, String> {
    let tool = test_kit::tool("promtool").expect("promtool is built");
    let output = Command::new(tool).args(args).current_dir(root()).output().expect("promtool runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn promtool_passes_the_rules_and_their_unit_tests_and_fails_a_wrong_one() {
    promtool(&[
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        "dashboards/rules/recording.yaml",
        "dashboards/rules/alerts.yaml",
    ])
    .expect("the rules are right");
    promtool(&["test", "rules", "dashboards/tests/alerts.yaml"]).expect("the alerts do what their tests say");

    let folder = tempfile::tempdir().expect("a temporary directory");
    for name in ["rules/recording.yaml", "rules/alerts.yaml", "tests/alerts.yaml"] {
        let text = std::fs::read_to_string(root().join("dashboards").join(name)).expect("a rule file");
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("make a folder");
        std::fs::write(path, text.replace("presale_leader == 1", "presale_leader == 2")).expect("write a rule file");
    }
    let file = folder.path().join("tests/alerts.yaml");
    promtool(&["test", "rules", file.to_str().expect("UTF-8")]).expect_err("a planted fault was not found");
}
