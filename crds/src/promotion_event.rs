//! `PromotionEvent`: a planned rush, the services it reaches, and the capacity to stand ready before it starts.

mod schedule;
mod status;
mod target;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use schedule::Schedule;
pub use status::{ObservedUplift, Occurrence, OccurrencePlan, Phase, PromotionEventStatus};
pub use target::{Target, TargetSelector, UpliftRange};

use crate::DurationText;
use crate::validation::{duration_between, not_blank};

/// A planned rush: when it happens, which services it reaches, and how much more load it brings. Capacity is Ready
/// before it starts; once planned, it needs no metrics to act.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "presale.dev",
    version = "v1alpha1",
    kind = "PromotionEvent",
    namespaced,
    status = "PromotionEventStatus",
    derive = "PartialEq",
    shortname = "promo",
    category = "presale",
    doc = "PromotionEvent is a planned rush: when it happens, which services it reaches, and how much more load it brings.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Where the event stands"),
    printcolumn(
        name = "Kind",
        type_ = "string",
        json_path = ".spec.kind",
        description = "Pooling key of what is learned"
    ),
    printcolumn(
        name = "Start",
        type_ = "string",
        json_path = ".spec.schedule.start",
        description = "Local wall time of the first start"
    ),
    printcolumn(
        name = "Zone",
        type_ = "string",
        json_path = ".spec.schedule.timeZone",
        description = "Time zone of the wall time"
    ),
    printcolumn(
        name = "Duration",
        type_ = "string",
        json_path = ".spec.schedule.duration",
        description = "How long it lasts"
    ),
    printcolumn(
        name = "Feasible",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Feasible\")].status",
        description = "Whether the plan fits bounds, ceilings and budget"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Title",
        type_ = "string",
        json_path = ".spec.title",
        priority = 1,
        description = "What people call it"
    ),
    printcolumn(
        name = "Repeats",
        type_ = "string",
        json_path = ".spec.schedule.recurrence",
        priority = 1,
        description = "Recurrence rule"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(oldSelf.cancelled) && oldSelf.cancelled) || has(self.cancelled) && self.cancelled")
        .message("a cancelled promotion stays cancelled: create a new PromotionEvent instead of removing cancelled"),
    validation = Rule::new("!(has(self.approval) && has(self.approval.approvedBy) && has(oldSelf.approval) && has(oldSelf.approval.approvedBy)) || self.schedule == oldSelf.schedule && self.targets == oldSelf.targets")
        .message("schedule and targets were approved as they stand: remove approval.approvedBy to change them, then approve again"),
)]
pub struct PromotionEventSpec {
    /// What people call it, such as "Black Friday flash sale". Default: the object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = not_blank("title", "Black Friday flash sale"))]
    pub title: Option<String>,
    /// Kind of event: `FlashSale`, Campaign, Newsletter, `SeasonalSale`, Drop or a word of your own. What is learned about
    /// uplift is pooled by it, so it cannot be changed.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = not_blank("kind", "FlashSale"),
        validation = Rule::new("self == oldSelf")
            .message("kind is immutable, since what is learned is pooled by it: create a new PromotionEvent of the other kind"),
    )]
    pub kind: String,
    /// When it happens.
    pub schedule: Schedule,
    /// Services that it reaches, by name or by label; 1 to 32.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(t, !has(t.service) || self.exists_one(o, has(o.service) && o.service == t.service))")
            .message("targets must name each service once: merge the entries of the service that is named twice"),
    )]
    pub targets: Vec<Target>,
    /// How early capacity stands ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_scale: Option<PreScale>,
    /// Whether a human must agree first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What the event may cost at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// True ends the event: what it raised ramps down through stabilization (`presale promo cancel`). Cannot be taken
    /// back. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<bool>,
}

/// How early capacity stands ready.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PreScale {
    /// Time from decision to Ready pod that the plan reckons with. Range 1s to 24h. Default: each service's own,
    /// declared or learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("preScale.leadTime", "1s", "24h", "5m"))]
    pub lead_time: Option<DurationText>,
    /// How long before the start all capacity must be Ready. Range 0s to 24h. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("preScale.readyBefore", "0s", "24h", "10m"))]
    pub ready_before: Option<DurationText>,
}

/// Whether a human must agree first.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// True: nothing happens before somebody approves (phase `PendingApproval`). Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Who approved; written by `presale promo approve`. Schedule and targets are frozen while it is set. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = not_blank("approval.approvedBy", "jane@shop.example"))]
    pub approved_by: Option<String>,
}

/// What the event may cost at most.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Most replica-hours above the replicas without the event, per occurrence, over all targets; the plan is cut to
    /// it and condition Feasible says so. Range 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub replica_hours: u32,
}
