//! The rights that the operator uses, in one table: the chart grants these, and a test compares both with the audit log.

/// Verbs on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// API group; empty = core.
    pub group: &'static str,
    /// Plural name, with `/subresource` where it is one.
    pub resource: &'static str,
    /// Verbs, ascending.
    pub verbs: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

const fn rule(
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    reason: &'static str,
) -> Rule {
    Rule { group, resource, verbs, reason }
}

const WATCH: &[&str] = &["list", "watch"];
const OWN: &[&str] = &["create", "get", "list", "patch", "watch"];

/// Rights in every watched namespace. Server-side apply of a new object needs `create` beside `patch`; nothing is ever
/// deleted by us, the garbage collector does.
pub const RULES: &[Rule] = &[
    rule("presale.dev", "shopservices", WATCH, "the services"),
    rule("presale.dev", "shopservices/status", &["patch"], "decisions and conditions"),
    rule("presale.dev", "promotionevents", WATCH, "the promotions"),
    rule("presale.dev", "promotionevents/status", &["patch"], "phases, plans, learned uplift"),
    rule("apps", "deployments", OWN, "owned; adopted ones are only read"),
    rule("apps", "deployments/scale", &["get", "patch"], "replicas"),
    rule("apps", "statefulsets", &["get"], "adopted targets"),
    rule("apps", "statefulsets/scale", &["get", "patch"], "replicas of adopted targets"),
    rule("", "services", OWN, "owned"),
    rule("", "serviceaccounts", OWN, "owned"),
    rule("policy", "poddisruptionbudgets", OWN, "owned"),
    rule("", "pods", &["list", "patch", "watch"], "readiness, lead time, sickness; labels of the warm reserve"),
    rule("", "pods/resize", &["patch"], "shrinks and grows pods of the warm reserve"),
    rule("", "pods/eviction", &["create"], "a sick pod"),
    rule("autoscaling", "horizontalpodautoscalers", WATCH, "foreign autoscalers"),
    rule("events.k8s.io", "events", &["create", "patch"], "what was done, and why"),
];

/// Rights in the operator's own namespace.
pub const OWN_NAMESPACE: &[Rule] =
    &[rule("coordination.k8s.io", "leases", &["create", "get", "update"], "leader election")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_stated_once_with_its_verbs_in_order() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(rule.verbs.is_sorted(), "{rule:?}");
            let twin = RULES[..at].iter().any(|other| (other.group, other.resource) == (rule.group, rule.resource));
            assert!(!twin, "{rule:?}");
        }
    }
}
