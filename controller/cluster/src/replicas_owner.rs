//! Who wrote the replicas last, told by the managed fields that the API server keeps: a hand's count is not fought.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use presale_planner::HandScaled;

use crate::write::{MANAGER, SCALER};

/// A count that somebody else set while we were in charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandScale {
    /// The field manager that wrote it: `kubectl`, `kubectl-edit`, `helm`, …
    pub by: String,
    /// The count.
    pub replicas: u32,
    /// When, by the server's clock, whole seconds.
    pub at: Timestamp,
}

impl From<&HandScale> for HandScaled {
    fn from(hand: &HandScale) -> Self {
        Self { replicas: hand.replicas, at: hand.at }
    }
}

/// The hand that set `replicas`; `None` where we did, or where the count is older than `since` (when this service's
/// `ShopService` or its target was made): what stood there before is a beginning, not an intervention.
pub fn hand_scale(fields: &[ManagedFieldsEntry], replicas: u32, since: Timestamp) -> Option<HandScale> {
    let owners: Vec<_> = fields.iter().filter(|entry| owns_replicas(entry)).collect();
    if owners.iter().any(|entry| matches!(entry.manager.as_deref(), Some(MANAGER | SCALER))) {
        return None;
    }
    let newest = owners.into_iter().max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    let at = newest.time.as_ref()?.0;
    (at > since).then(|| HandScale { by: newest.manager.clone().unwrap_or_default(), replicas, at })
}

/// Whether `manager` owns `spec.replicas`.
pub(crate) fn owned_by(fields: &[ManagedFieldsEntry], manager: &str) -> bool {
    fields.iter().any(|entry| entry.manager.as_deref() == Some(manager) && owns_replicas(entry))
}

pub(crate) fn owns_replicas(entry: &ManagedFieldsEntry) -> bool {
    entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, Time};
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, second: i64, fields: serde_json::Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            time: Some(Time(at(second))),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_hand_is_whoever_took_the_replicas_from_us() {
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let template = json!({"f:spec": {"f:template": {}}});
        let ours = [entry(SCALER, 20, replicas.clone()), entry("kubectl", 10, template.clone())];
        assert_eq!(hand_scale(&ours, 5, at(0)), None);
        let taken = [entry(MANAGER, 20, template), entry("kubectl", 30, replicas)];
        let hand = HandScale { by: "kubectl".to_owned(), replicas: 7, at: at(30) };
        assert_eq!(hand_scale(&taken, 7, at(0)), Some(hand));
        assert_eq!(hand_scale(&taken, 7, at(30)), None, "what stood there before us is a beginning");
    }
}
