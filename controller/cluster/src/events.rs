//! Events: one constructor each, their reasons the planner's words, and none twice in a row about the same thing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use presale_planner::{Decision, Reason};

use crate::replicas_owner::HandScale;
use crate::write::{MANAGER, Writer};
use crate::{Error, target};

/// Something worth telling a person about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    topic: Topic,
    kind: EventType,
    reason: &'static str,
    action: &'static str,
    note: String,
}

/// What a notice is about: within one topic, the same notice is not repeated until another came between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    Scale,
    Hand,
    Conflict,
    Template,
    Target,
    Owned,
    Remediation,
    Promotion,
    Reserve,
}

impl Notice {
    /// Replicas were written.
    pub fn scaled(decision: &Decision) -> Self {
        Self::normal(Topic::Scale, decision.outcome.as_str(), "Scale", decision.message.clone())
    }

    /// A decision was held or cut in a way that a person should know of (limited, error-blocked).
    pub fn held(decision: &Decision) -> Self {
        let reason = decision.reason.as_str();
        Self { kind: EventType::Warning, ..Self::normal(Topic::Scale, reason, "Hold", decision.message.clone()) }
    }

    /// Somebody set the replicas by hand; we hold them as a floor for a while.
    pub fn hand_scaled(hand: &HandScale) -> Self {
        let note = format!(
            "{} set {} replicas; held as a floor through the stabilization window (`presale pin` keeps it)",
            hand.by, hand.replicas
        );
        Self::normal(Topic::Hand, Reason::HandScaled.as_str(), "Hold", note)
    }

    /// Another owner is in the way.
    pub fn conflict(with: &str) -> Self {
        let note = format!("{with} also writes this target; nothing is written until one of the two goes");
        Self { kind: EventType::Warning, ..Self::normal(Topic::Conflict, Reason::Conflict.as_str(), "Hold", note) }
    }

    /// An object could not be applied, or its target not be found.
    pub fn failed(error: &Error) -> Self {
        let topic = match error {
            Error::Conflict { .. } => Topic::Conflict,
            Error::TemplateRefused { .. } => Topic::Template,
            _ => Topic::Target,
        };
        Self { kind: EventType::Warning, ..Self::normal(topic, error.reason(), "Apply", error.to_string()) }
    }

    /// Owned objects were made or mended.
    pub fn applied(objects: &[&str]) -> Self {
        Self::normal(Topic::Owned, "Applied", "Apply", format!("applied {}", objects.join(", ")))
    }

    /// A sick pod was evicted.
    pub fn evicted(pod: &str, why: &str) -> Self {
        Self::normal(Topic::Remediation, "Evicted", "Evict", format!("{pod}: {why}"))
    }

    /// A sick pod stays, and why.
    pub fn eviction_held(pod: &str, why: &str) -> Self {
        let note = format!("{pod} stays: {why}");
        Self { kind: EventType::Warning, ..Self::normal(Topic::Remediation, "EvictionHeld", "Hold", note) }
    }

    /// Pods came back from the warm reserve, or went into it.
    pub fn reserve(reason: &'static str, pods: &str) -> Self {
        Self::normal(Topic::Reserve, reason, "Label", pods.to_owned())
    }

    /// A promotion came into a new phase.
    pub fn phase(phase: &'static str, note: String) -> Self {
        Self::normal(Topic::Promotion, phase, "Plan", note)
    }

    fn normal(topic: Topic, reason: &'static str, action: &'static str, note: String) -> Self {
        Self { topic, kind: EventType::Normal, reason, action, note }
    }

    /// The reason, a stable word.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The text for people.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Publishes notices. Clone it: clones share what has been said.
#[derive(Clone)]
pub struct Events {
    writer: Writer,
    recorder: Recorder,
    said: Arc<Mutex<HashMap<(String, Topic), Notice>>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("said", &self.said).finish_non_exhaustive()
    }
}

impl Events {
    /// Publishes through `writer`, signed by this process (`instance`: the pod's name).
    pub fn new(writer: Writer, instance: &str) -> Self {
        let reporter = Reporter { controller: MANAGER.to_owned(), instance: Some(instance.to_owned()) };
        let recorder = Recorder::new(writer.client().clone(), reporter);
        Self { writer, recorder, said: Arc::default() }
    }

    /// Tells `notice` about `object`, unless it was the last thing said about that topic.
    ///
    /// # Errors
    /// [`Error::NotLeader`], [`Error::Deadline`] or [`Error::Api`]; it is then said next time.
    pub async fn tell<K: Resource<DynamicType = ()>>(&self, object: &K, notice: &Notice) -> Result<(), Error> {
        let reference = object.object_ref(&());
        let key = (reference.uid.clone().unwrap_or_default(), notice.topic);
        if self.said.lock().is_ok_and(|said| said.get(&key) == Some(notice)) {
            return Ok(());
        }
        self.publish(&target::describe(object), &reference, notice).await?;
        if let Ok(mut said) = self.said.lock() {
            said.insert(key, notice.clone());
        }
        Ok(())
    }

    async fn publish(&self, object: &str, reference: &ObjectReference, notice: &Notice) -> Result<(), Error> {
        let event = Event {
            type_: notice.kind,
            reason: notice.reason.to_owned(),
            note: Some(clip(&notice.note)),
            action: notice.action.to_owned(),
            secondary: None,
        };
        self.writer.send("publish event on", object, self.recorder.publish(&event, reference)).await
    }

    /// Forgets what was said about an object that is gone.
    pub fn forget(&self, uid: &str) {
        if let Ok(mut said) = self.said.lock() {
            said.retain(|(object, _), _| object != uid);
        }
    }
}

/// The API server refuses notes over 1,024 bytes.
fn clip(note: &str) -> String {
    let mut end = note.len().min(1_000);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_clipped_between_characters() {
        let note = "ß".repeat(800);
        assert_eq!(clip(&note).len(), 1_000);
        assert_eq!(clip("short"), "short");
    }
}
