//! Which services a promotion reaches, and what it asks of them.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Quantity;
use crate::validation::{object_name, quantity_above};

/// Services that the event reaches, and what it asks of them. Without floor and expectedUplift, the uplift learned
/// from earlier events of the same kind is used.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.service) != has(self.selector)")
        .message("write exactly one of service (a name) and selector (labels) per target"),
    validation = Rule::new("!has(self.floor) || !has(self.ceiling) || self.floor <= self.ceiling")
        .message("floor must not exceed ceiling: lower floor or raise ceiling"),
)]
pub struct Target {
    /// Name of a `ShopService` in this namespace. Exactly one of service and selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = object_name("service"))]
    pub service: Option<String>,
    /// Labels of the `ShopServices` in this namespace that are meant. Exactly one of service and selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<TargetSelector>,
    /// How many times the usual load is expected, as a range. Default: what was learned for the kind of event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_uplift: Option<UpliftRange>,
    /// Fewest replicas per service while the event runs, whatever the load. Range 1 to 10000. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub floor: Option<u32>,
    /// Most replicas per service while the event runs; holds even against the forecast. Range 1 to 10000, at least
    /// floor. Default none: replicas.max of the service holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub ceiling: Option<u32>,
}

/// Services by label.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TargetSelector {
    /// Labels that a `ShopService` must all carry; 1 to 16.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
}

/// Expected uplift: ratio of the load during the event to the usual load at that time; 1 means none.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!isQuantity(self.low) || !isQuantity(self.likely) || !isQuantity(self.high) || \
    !quantity(self.low).isGreaterThan(quantity(self.likely)) && !quantity(self.likely).isGreaterThan(quantity(self.high))")
    .message("expectedUplift must rise: low <= likely <= high, such as {low: \"2\", likely: \"4\", high: \"8\"}"))]
pub struct UpliftRange {
    /// Ratio that nine of ten such events exceed. Range above 0 to 1000.
    #[x_kube(validation = quantity_above("expectedUplift.low", "0", "1000", "2"))]
    pub low: Quantity,
    /// Ratio that every other such event exceeds. Range above 0 to 1000.
    #[x_kube(validation = quantity_above("expectedUplift.likely", "0", "1000", "4"))]
    pub likely: Quantity,
    /// Ratio that one of ten such events exceeds. Range above 0 to 1000.
    #[x_kube(validation = quantity_above("expectedUplift.high", "0", "1000", "8"))]
    pub high: Quantity,
}
