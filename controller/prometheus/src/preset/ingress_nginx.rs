//! The ingress-nginx controller: requests and durations by the backend service of each ingress.
//!
//! **Source**: <https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/> (`nginx_ingress_controller_requests`,
//! `nginx_ingress_controller_request_duration_seconds`). A scrape without `honorLabels` renames the backend's
//! `namespace` and `service` to `exported_namespace` and `exported_service`: both are read.

use crate::promql::{any_of, quoted};

use super::Scope;

const REQUESTS: &str = "nginx_ingress_controller_requests";
const BUCKETS: &str = "nginx_ingress_controller_request_duration_seconds_bucket";

/// What arrived for the service.
pub(super) fn load(scope: Scope<'_>) -> String {
    format!("sum {} ({})", scope.by(&[]), either(scope, REQUESTS, "", |selector| scope.rate(selector)))
}

/// What was answered with a status of 500 and above.
pub(super) fn errors(scope: Scope<'_>) -> String {
    let failed = either(scope, REQUESTS, "status=~\"5..\"", |selector| scope.rate(selector));
    format!("sum {} ({failed})", scope.by(&[]))
}

/// Quantile of the time from the first byte of the request to the last of the answer.
pub(super) fn latency(scope: Scope<'_>, quantile: f64) -> String {
    let rates = either(scope, BUCKETS, "", |selector| scope.rate(selector));
    format!("histogram_quantile({quantile}, sum {} ({rates}))", scope.by(&["le"]))
}

/// Newest sample of the requests.
pub(super) fn newest(scope: Scope<'_>) -> String {
    let newest = either(scope, REQUESTS, "", |selector| format!("timestamp({selector})"));
    format!("max {} ({newest})", scope.by(&[]))
}

/// Controllers that answer the scrape; without labels, for they serve every service alike.
pub(super) fn live_controllers() -> String {
    format!("count(up == 1 and on (job) group by (job) ({REQUESTS}))")
}

/// Controllers that are scraped.
pub(super) fn known_controllers() -> String {
    format!("count(up and on (job) group by (job) ({REQUESTS}))")
}

/// `function` over the series of the asked services under either name of the labels, renamed to the names that
/// everything else uses. Only the service's name is matched here, its namespace when the answer is read.
fn either(scope: Scope<'_>, metric: &str, more: &str, function: impl Fn(&str) -> String) -> String {
    let names = || scope.keys.iter().map(|key| key.service.as_str());
    let exported = exported(&scope.labels.service);
    let selector = |matchers: String| {
        let comma = if more.is_empty() { "" } else { "," };
        function(&format!("{metric}{{{matchers}{comma}{more}}}"))
    };
    let relabelled = renamed(scope, &selector(any_of(&exported, names())));
    let plain = selector(format!("{exported}=\"\",{}", any_of(&scope.labels.service, names())));
    format!("({relabelled} or {plain})")
}

fn renamed(scope: Scope<'_>, expression: &str) -> String {
    let rename = |expression: &str, label: &str| {
        let (to, from) = (quoted(label), quoted(&exported(label)));
        format!("label_replace({expression}, {to}, \"$1\", {from}, \"(.+)\")")
    };
    rename(&rename(expression, &scope.labels.service), &scope.labels.namespace)
}

fn exported(label: &str) -> String {
    format!("exported_{label}")
}
