//! Who wrote the replicas last, told by the managed fields that the API server keeps: a hand's count is not fought.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// When: by the server's clock (whole seconds) where it keeps the time, else when we first saw it. It keeps none for
    /// writes through `/scale`.
    pub at: Timestamp,
}

impl From<&HandScale> for HandScaled {
    fn from(hand: &HandScale) -> Self {
        Self { replicas: hand.replicas, at: hand.at }
    }
}

/// Hands that were seen, and when first; by target. Shared by clones, lost with the process: a hand that is then seen
/// anew is held once more.
#[derive(Debug, Clone, Default)]
pub struct SeenHands(Arc<Mutex<HashMap<String, HandScale>>>);

impl SeenHands {
    /// The hand that set the `replicas` of `target`; `None` where we did, or where the count is known to be older than
    /// `since` (when this target or its `ShopService` was made): what stood there before is a beginning, not an
    /// intervention. `now` is when it counts as seen.
    pub fn look(
        &self,
        target: &str,
        (fields, replicas): (&[ManagedFieldsEntry], u32),
        since: Timestamp,
        now: Timestamp,
    ) -> Option<HandScale> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((by, at)) = stranger(fields).filter(|(_, at)| at.is_none_or(|at| at > since)) else {
            seen.remove(target);
            return None;
        };
        let known = seen.get(target).filter(|known| (known.by.as_str(), known.replicas) == (by, replicas));
        let at = at.or_else(|| known.map(|known| known.at)).unwrap_or(now);
        let hand = HandScale { by: by.to_owned(), replicas, at };
        seen.insert(target.to_owned(), hand.clone());
        Some(hand)
    }
}

/// Whoever owns the replicas without us, and when they wrote them.
fn stranger(fields: &[ManagedFieldsEntry]) -> Option<(&str, Option<Timestamp>)> {
    let owners: Vec<_> = fields.iter().filter(|entry| owns_replicas(entry)).collect();
    if owners.iter().any(|entry| matches!(entry.manager.as_deref(), Some(MANAGER | SCALER))) {
        return None;
    }
    let time = |entry: &ManagedFieldsEntry| entry.time.as_ref().map(|time| time.0);
    // A write through `/scale` has no time and takes the field from all others: it stands alone.
    let newest = owners.into_iter().max_by_key(|entry| time(entry).unwrap_or(Timestamp::MAX))?;
    Some((newest.manager.as_deref().unwrap_or_default(), time(newest)))
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

    fn look(hands: &SeenHands, fields: &[ManagedFieldsEntry], replicas: u32, now: i64) -> Option<HandScale> {
        hands.look("Deployment a/b", (fields, replicas), at(5), at(now))
    }

    #[test]
    fn a_hand_is_whoever_took_the_replicas_from_us() {
        let (replicas, template) = (json!({"f:spec": {"f:replicas": {}}}), json!({"f:spec": {"f:template": {}}}));
        let hands = SeenHands::default();
        let ours = [entry(SCALER, 20, replicas.clone()), entry("kubectl", 10, template.clone())];
        assert_eq!(look(&hands, &ours, 5, 50), None);
        let taken = [entry(MANAGER, 20, template), entry("kubectl-edit", 30, replicas.clone())];
        let hand = HandScale { by: "kubectl-edit".to_owned(), replicas: 7, at: at(30) };
        assert_eq!(look(&hands, &taken, 7, 50), Some(hand));
        let before_us = [entry("helm", 5, replicas)];
        assert_eq!(look(&hands, &before_us, 7, 50), None, "what stood there before us is a beginning");
    }

    #[test]
    fn a_hand_without_a_time_counts_from_when_it_was_first_seen() {
        let hands = SeenHands::default();
        let mut scaled = entry("kubectl", 0, json!({"f:spec": {"f:replicas": {}}}));
        scaled.time = None;
        let seen_at = |replicas, now| look(&hands, std::slice::from_ref(&scaled), replicas, now).map(|hand| hand.at);
        assert_eq!((seen_at(7, 50), seen_at(7, 90)), (Some(at(50)), Some(at(50))));
        assert_eq!((seen_at(8, 100), seen_at(8, 110)), (Some(at(100)), Some(at(100))), "another count is another hand");
        let ours = [entry(SCALER, 20, json!({"f:spec": {"f:replicas": {}}}))];
        assert_eq!(look(&hands, &ours, 6, 120), None);
        assert_eq!(seen_at(8, 130), Some(at(130)), "once we wrote, the same count is a new hand");
    }
}
