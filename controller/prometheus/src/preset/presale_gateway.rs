//! Presale's shop gateway: what arrived there for each service, also for one that runs no replica.
//!
//! **Source**: `shop_gateway_requests_offered_total{backend,route,priority}` of `shop-services/metrics`. The gateway serves
//! its own namespace, so the namespace of its target is that of the services behind it.

use crate::promql::{any_of, quoted};

use super::Scope;

const OFFERED: &str = "shop_gateway_requests_offered_total";
const BACKEND: &str = "backend";

/// What arrived for the service, whatever became of it.
pub(super) fn offered(scope: Scope<'_>) -> String {
    format!("sum {} ({})", scope.by(&[]), of_backend(scope, &scope.rate(&select(scope))))
}

/// Newest sample of it.
pub(super) fn newest(scope: Scope<'_>) -> String {
    format!("max {} ({})", scope.by(&[]), of_backend(scope, &format!("timestamp({})", select(scope))))
}

/// Gateways that answer the scrape.
pub(super) fn live_gateways(scope: Scope<'_>) -> String {
    gateways(scope, " == 1")
}

/// Gateways that are scraped.
pub(super) fn known_gateways(scope: Scope<'_>) -> String {
    gateways(scope, "")
}

/// Targets of the same service as those that tell, counted for each backend.
fn gateways(scope: Scope<'_>, state: &str) -> String {
    let (namespace, service) = (&scope.labels.namespace, &scope.labels.service);
    let here = any_of(namespace, scope.keys.iter().map(|key| key.namespace.as_str()));
    let telling = format!("group by ({namespace}, {service}) ({OFFERED}{{{here}}})");
    let targets = format!("count by ({namespace}) (up{{{here}}}{state} and on ({namespace}, {service}) {telling})");
    let backends = format!("group {} ({})", scope.by(&[]), of_backend(scope, &select(scope)));
    format!("({backends} * on ({namespace}) group_left () {targets})")
}

/// The series of the asked services.
fn select(scope: Scope<'_>) -> String {
    let labels = scope.labels;
    let namespaces = any_of(&labels.namespace, scope.keys.iter().map(|key| key.namespace.as_str()));
    let backends = any_of(BACKEND, scope.keys.iter().map(|key| key.service.as_str()));
    format!("{OFFERED}{{{namespaces},{backends}}}")
}

/// Names the service by what is behind the gateway, instead of the gateway.
fn of_backend(scope: Scope<'_>, expression: &str) -> String {
    let (to, from) = (quoted(&scope.labels.service), quoted(BACKEND));
    format!("label_replace({expression}, {to}, \"$1\", {from}, \"(.+)\")")
}
