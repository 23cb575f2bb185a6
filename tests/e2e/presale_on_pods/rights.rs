//! The operator's rights against the audit log of this run, both ways.

use std::collections::BTreeSet;

use anyhow::ensure;
use presale_cluster::rbac::{OWN_NAMESPACE, RULES, Rule};

use crate::stage::Stage;

/// One right: group, resource, verb.
type Right = (String, String, String);

/// Rights that a run may leave unused, each with what uses it.
const NOT_ALWAYS_USED: &[(&str, &str, &str, &str)] = &[
    ("apps", "deployments/scale", "get", "a Deployment that the watch has not shown yet"),
    ("", "pods", "patch", "a warm reserve: the suite `warm_reserve` uses it"),
    ("", "pods/resize", "patch", "a warm reserve: the suite `warm_reserve` uses it"),
];

/// Nothing that was asked was forbidden, and every right that the code names was used.
pub(crate) fn check(stage: &Stage) -> anyhow::Result<()> {
    let asked = stage.asked()?;
    ensure!(asked.len() > 50, "only {} requests of the operator are in the audit log", asked.len());
    let forbidden = asked.clone().filter(|entry| entry.forbidden);
    ensure!(forbidden.is_empty(), "it was forbidden {forbidden:#?}");

    let mut used: BTreeSet<Right> = BTreeSet::new();
    for entry in asked.iter() {
        used.insert(right(&entry.group, &entry.resource, &entry.verb));
        // Server-side apply of what is not there yet asks for the right to create it.
        if entry.verb == "patch" && entry.code == 201 {
            used.insert(right(&entry.group, &entry.resource, "create"));
        }
    }
    let named: BTreeSet<Right> = RULES.iter().chain(OWN_NAMESPACE).flat_map(rights).collect();
    let excused: BTreeSet<Right> = NOT_ALWAYS_USED.iter().map(|(g, r, v, _reason)| right(g, r, v)).collect();
    let beyond: Vec<&Right> = used.difference(&named).collect();
    ensure!(beyond.is_empty(), "it used rights that no rule names: {beyond:#?}");
    let idle: Vec<&Right> = named.difference(&used).filter(|right| !excused.contains(right)).collect();
    ensure!(idle.is_empty(), "rules name rights that nothing used: {idle:#?}");
    Ok(())
}

fn rights(rule: &Rule) -> Vec<Right> {
    rule.verbs.iter().map(|verb| right(rule.group, rule.resource, verb)).collect()
}

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}
