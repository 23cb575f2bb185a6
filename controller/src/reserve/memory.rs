//! What is remembered of a reserve between two looks: when its pods were last busy, and which the server refused to grow.
//! All of it may be lost: a pod is then watched anew before it is shrunk, and a refusal is heard again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use presale_planner::FastSignal;
use presale_prometheus::PodCounters;

/// How old the newest reading may be to say anything of now.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// How long a refusal stands before the pod is tried again.
const REFUSED: SignedDuration = SignedDuration::from_secs(30);

/// The reserve of one service.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    signal: FastSignal,
    counted: BTreeMap<String, Counted>,
    idle: BTreeMap<String, Idle>,
    refused: BTreeMap<String, Timestamp>,
    looked: Option<Timestamp>,
    heard: Option<Timestamp>,
}

/// One pod's counter at its last answer, and what arrived per second before it.
#[derive(Debug, Clone, Copy)]
struct Counted {
    at: Timestamp,
    offered: f64,
    rate: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Idle {
    since: Timestamp,
    read: Timestamp,
    offered: f64,
}

/// One pod's answer; `None` = it gave none.
pub(crate) struct Heard<'a> {
    /// The pod's identity.
    pub(crate) uid: &'a str,
    /// Whether it is in service.
    pub(crate) in_service: bool,
    /// What it said.
    pub(crate) counters: Option<PodCounters>,
}

impl Memory {
    /// Takes in one look at all pods of the service; others are forgotten. A pod that gave no answer counts for what it last
    /// had, for a while.
    pub(crate) fn hear(&mut self, heard: &[Heard<'_>], now: Timestamp) {
        let before = self.looked.replace(now);
        self.counted.retain(|uid, counted| {
            heard.iter().any(|pod| pod.uid == uid && pod.in_service) && now.duration_since(counted.at) <= FRESH
        });
        self.idle.retain(|uid, _| heard.iter().any(|pod| pod.uid == uid && !pod.in_service));
        for pod in heard {
            let Some(counters) = pod.counters else { continue };
            if pod.in_service { self.count(pod.uid, counters.offered, now) } else { self.watch(pod.uid, counters, now) }
        }
        let rates: Vec<f64> = self.counted.values().filter_map(|counted| counted.rate).collect();
        let Some(before) = before.filter(|_| !rates.is_empty()) else { return };
        let seconds = now.duration_since(before).as_secs_f64();
        self.signal.push(seconds, rates.iter().sum::<f64>() * seconds);
        self.heard = Some(now);
    }

    /// What arrives at the pods in service, requests per second; `None` where they have not told of late.
    pub(crate) fn load(&self, now: Timestamp) -> Option<f64> {
        self.heard.filter(|heard| now.duration_since(*heard) <= FRESH)?;
        self.signal.load()
    }

    fn count(&mut self, uid: &str, offered: f64, now: Timestamp) {
        // A counter that began anew says nothing of what came before.
        let before = self.counted.get(uid).filter(|before| offered >= before.offered && now > before.at);
        let rate = before.map(|before| (offered - before.offered) / now.duration_since(before.at).as_secs_f64());
        self.counted.insert(uid.to_owned(), Counted { at: now, offered, rate });
    }

    fn watch(&mut self, uid: &str, counters: PodCounters, now: Timestamp) {
        let anew = Idle { since: now, read: now, offered: counters.offered };
        let idle = self.idle.entry(uid.to_owned()).or_insert(anew);
        #[expect(clippy::float_cmp, reason = "a counter that did not move is the same number")]
        let moved = idle.offered != counters.offered;
        if moved || counters.in_flight > 0.0 {
            *idle = anew;
        }
        idle.read = now;
    }

    /// For how long the pod has had no request; `None` = nobody knows.
    pub(crate) fn quiet(&self, uid: &str, now: Timestamp) -> Option<SignedDuration> {
        let idle = self.idle.get(uid).filter(|idle| now.duration_since(idle.read) <= FRESH)?;
        Some(idle.read.duration_since(idle.since))
    }

    /// Whether the pods were looked at and this one, cut off, has told nothing of late.
    pub(crate) fn is_unread(&self, uid: &str) -> bool {
        let looked = self.looked;
        looked.is_some_and(|looked| self.idle.get(uid).is_none_or(|idle| looked.duration_since(idle.read) > FRESH))
    }

    /// The server refused to let the pod grow.
    pub(crate) fn refuse(&mut self, uid: &str, now: Timestamp) {
        self.refused.insert(uid.to_owned(), now);
    }

    /// Whether it was refused of late.
    pub(crate) fn is_refused(&self, uid: &str) -> bool {
        self.refused.contains_key(uid)
    }

    /// Forgets refusals that are due to be tried again.
    pub(crate) fn forgive(&mut self, now: Timestamp) {
        self.refused.retain(|_, at| now.duration_since(*at) < REFUSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn look(memory: &mut Memory, second: i64, in_service: bool, told: Option<(f64, f64)>) {
        let counters = told.map(|(offered, in_flight)| PodCounters { offered, in_flight });
        memory.hear(&[Heard { uid: "a", in_service, counters }], at(second));
    }

    #[test]
    fn a_request_that_comes_late_starts_the_wait_anew() {
        let mut memory = Memory::default();
        for (second, told) in [(0, (5.0, 0.0)), (1, (5.0, 0.0)), (2, (6.0, 0.0)), (3, (6.0, 1.0)), (4, (6.0, 0.0))] {
            look(&mut memory, second, false, Some(told));
        }
        assert_eq!(memory.quiet("a", at(4)).map(|quiet| quiet.as_secs()), Some(1));
        look(&mut memory, 9, false, Some((6.0, 0.0)));
        assert_eq!(memory.quiet("a", at(9)).map(|quiet| quiet.as_secs()), Some(6));
        look(&mut memory, 10, true, Some((6.0, 0.0)));
        assert_eq!(memory.quiet("a", at(10)), None, "in service nobody is waited for");
    }

    #[test]
    fn a_pod_that_does_not_answer_is_not_quiet() {
        let mut memory = Memory::default();
        look(&mut memory, 0, false, None);
        assert!(memory.quiet("a", at(0)).is_none() && memory.is_unread("a"));
        look(&mut memory, 1, false, Some((5.0, 0.0)));
        assert!(!memory.is_unread("a"));
        look(&mut memory, 9, false, None);
        assert!(memory.quiet("a", at(9)).is_none() && memory.is_unread("a"), "what it said is too old");
    }

    #[test]
    fn the_load_is_counted_between_two_answers_and_a_restart_is_no_load() {
        let mut memory = Memory::default();
        look(&mut memory, 0, true, Some((100.0, 0.0)));
        assert_eq!(memory.load(at(0)), None);
        look(&mut memory, 2, true, Some((160.0, 0.0)));
        assert_eq!(memory.load(at(2)), Some(30.0));
        look(&mut memory, 4, true, None);
        assert_eq!(memory.load(at(4)), Some(30.0), "no answer is not no load");
        look(&mut memory, 5, true, Some((4.0, 0.0)));
        assert_eq!(memory.load(at(5)), Some(30.0), "the counter began anew");
        assert_eq!(memory.load(at(20)), None, "too old");
    }

    #[test]
    fn a_refusal_is_tried_again_after_a_while() {
        let mut memory = Memory::default();
        memory.refuse("a", at(0));
        memory.forgive(at(29));
        assert!(memory.is_refused("a"));
        memory.forgive(at(30));
        assert!(!memory.is_refused("a"));
    }
}
