//! The arrows between our crates: anything that is not listed here fails, so that the compiler's borders stay borders.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every allowed edge, as `crate -> crates`. `ARCHITECTURE.md` repeats this table for people.
const ARROWS: &[(&str, &[&str])] = &[
    ("presale-models", &[]),
    ("presale-crds", &[]),
    ("presale-metrics", &[]),
    ("shop-contracts", &[]),
    ("shop-metrics", &[]),
    ("presale-planner", &["presale-models"]),
    ("presale-prometheus", &["presale-models"]),
    ("presale-backtest", &["presale-planner", "presale-models"]),
    ("presale-cluster", &["presale-crds", "presale-planner", "presale-models"]),
    (
        "presale",
        &[
            "presale-models",
            "presale-crds",
            "presale-metrics",
            "presale-planner",
            "presale-prometheus",
            "presale-backtest",
            "presale-cluster",
        ],
    ),
    ("presale-dashboards", &["presale-metrics", "shop-metrics"]),
    ("shop-kit", &["shop-metrics"]),
    ("shop-accounts", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-catalog", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-pricing", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-inventory", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-payments", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-orders", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-cart", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-notifications", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-recommendations", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("shop-gateway", &["shop-kit", "shop-contracts", "shop-metrics"]),
    ("psp-sim", &["shop-contracts"]),
    (
        "shop",
        &[
            "shop-kit",
            "shop-accounts",
            "shop-catalog",
            "shop-pricing",
            "shop-inventory",
            "shop-payments",
            "shop-orders",
            "shop-cart",
            "shop-notifications",
            "shop-recommendations",
            "shop-gateway",
            "psp-sim",
        ],
    ),
    ("loadgen", &["shop-contracts", "shop-metrics"]),
    ("test-kit", &["presale-models"]),
    ("presale-shop", &["test-kit", "loadgen"]),
    ("presale-demo", &["test-kit", "loadgen", "presale-shop"]),
    ("presale-plant", &["test-kit", "loadgen", "presale-backtest"]),
];

/// Crates that nothing may depend on but tests.
const LEAVES: &[&str] = &["test-kit", "workspace-tests"];

/// Dependencies whose absence is what makes a crate pure.
const ABSENT: &[(&str, &[&str])] = &[
    ("presale-models", &["tokio", "kube", "reqwest", "axum"]),
    ("presale-planner", &["tokio", "kube", "reqwest", "axum"]),
    ("presale-backtest", &["tokio", "kube", "reqwest"]),
    ("presale-crds", &["tokio", "reqwest"]),
];

/// Our crates' normal and build dependencies among each other, and the foreign names each declares.
struct Edges {
    ours: BTreeMap<String, BTreeSet<String>>,
    declared: BTreeMap<String, BTreeSet<String>>,
}

fn read_workspace() -> Edges {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs in the workspace");
    let names: BTreeSet<String> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let mut edges = Edges { ours: BTreeMap::new(), declared: BTreeMap::new() };
    for package in &metadata.packages {
        let declared: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|d| d.kind != DependencyKind::Development)
            .map(|d| d.name.clone())
            .collect();
        edges.ours.insert(package.name.to_string(), declared.intersection(&names).cloned().collect());
        edges.declared.insert(package.name.to_string(), declared);
    }
    edges
}

fn violations(edges: &Edges) -> Vec<String> {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut found = Vec::new();
    for (from, to) in &edges.ours {
        if LEAVES.contains(&from.as_str()) && !allowed.contains_key(from.as_str()) {
            continue;
        }
        let Some(permitted) = allowed.get(from.as_str()) else {
            found.push(format!("{from} has no row in ARROWS: add it with its allowed edges"));
            continue;
        };
        for target in to.iter().filter(|t| !permitted.contains(t.as_str())) {
            found.push(format!(
                "{from} -> {target} is no allowed arrow: move the code, or argue the arrow in ARCHITECTURE.md"
            ));
        }
    }
    for (name, absent) in ABSENT {
        for dependency in edges.declared.get(*name).into_iter().flatten() {
            if absent.contains(&dependency.as_str()) {
                found.push(format!("{name} depends on {dependency}, whose absence is its promise"));
            }
        }
    }
    found
}

#[test]
fn every_arrow_is_allowed() {
    let found = violations(&read_workspace());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn plant(edges: &mut BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) {
    edges.entry(from.to_owned()).or_default().insert(to.to_owned());
}

#[test]
fn a_planted_arrow_is_found() {
    type Plant = fn(&mut Edges);
    let plants: [(Plant, &str); 4] = [
        (
            |edges| plant(&mut edges.ours, "presale-planner", "presale-cluster"),
            "presale-planner -> presale-cluster is no allowed arrow",
        ),
        (|edges| plant(&mut edges.ours, "presale", "test-kit"), "presale -> test-kit is no allowed arrow"),
        (|edges| plant(&mut edges.ours, "shop-unlisted", "shop-kit"), "shop-unlisted has no row"),
        (|edges| plant(&mut edges.declared, "presale-models", "tokio"), "presale-models depends on tokio"),
    ];
    for (planted, words) in plants {
        let mut edges = read_workspace();
        planted(&mut edges);
        let found = violations(&edges);
        assert!(found.len() == 1 && found[0].starts_with(words), "{words:?} is not what was found: {found:?}");
    }
}

#[test]
fn every_row_names_a_crate_that_exists() {
    let edges = read_workspace();
    for (from, to) in ARROWS {
        for name in std::iter::once(from).chain(*to) {
            assert!(edges.ours.contains_key(*name), "{name} in ARROWS is no crate of the workspace");
        }
    }
}
