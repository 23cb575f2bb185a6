//! What the operator remembers of each service between two decisions; all of it may be lost, none of it is trusted blindly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use presale_cluster::reserve::ServiceLabel;
use presale_cluster::{Observed, PodFacts};
use presale_crds::Learned;
use presale_planner::{Decision, Memory};
use presale_prometheus::ServiceKey;

use crate::health::Watch;
use crate::learning::{Learning, ReplicaFacts};
use crate::ledger::Record;
use crate::reserve;
use crate::signals::Signals;

/// How often a decision is recorded although nothing changed.
const RECORD: SignedDuration = SignedDuration::from_mins(5);

/// Every service's memory.
#[derive(Debug)]
pub(crate) struct Services {
    tick: SignedDuration,
    known: Mutex<HashMap<ServiceKey, Service>>,
}

/// One service's memory.
#[derive(Debug)]
pub(crate) struct Service {
    /// Live readings.
    pub(crate) signals: Signals,
    /// Wishes and changes of the past.
    pub(crate) memory: Memory,
    /// Pods at the last look, those in reserve among them.
    pub(crate) pods: Vec<PodFacts>,
    /// Whether some of them may be cut off from traffic.
    pub(crate) has_reserve: bool,
    /// What is remembered of its warm reserve.
    pub(crate) reserve: reserve::Memory,
    /// Lead time and capacity.
    pub(crate) learning: Learning,
    /// Verdict over its pods.
    pub(crate) health: Watch,
    /// The last decision and what it rested on.
    pub(crate) last: Option<Arc<Record>>,
    recorded: Option<Timestamp>,
    learned_at: Option<Timestamp>,
}

impl Services {
    /// Knows nobody yet; readings will come every `tick`.
    pub(crate) fn new(tick: SignedDuration) -> Self {
        Self { tick, known: Mutex::default() }
    }

    /// Does something with the memory of one service, which begins empty.
    pub(crate) fn with<T>(&self, key: &ServiceKey, job: impl FnOnce(&mut Service) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        job(known.entry(key.clone()).or_insert_with(|| Service::new(self.tick)))
    }

    /// Forgets services that are gone; names them.
    pub(crate) fn retain(&self, keep: impl Fn(&ServiceKey) -> bool) -> Vec<ServiceKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<ServiceKey> = known.keys().filter(|key| !keep(key)).cloned().collect();
        for key in &gone {
            known.remove(key);
        }
        gone
    }
}

impl Service {
    fn new(tick: SignedDuration) -> Self {
        Self {
            signals: Signals::new(tick),
            memory: Memory::default(),
            pods: Vec::new(),
            has_reserve: false,
            reserve: reserve::Memory::default(),
            learning: Learning::new(tick),
            health: Watch::default(),
            last: None,
            recorded: None,
            learned_at: None,
        }
    }

    /// Takes up the thread of the last recorded decision, after a restart.
    pub(crate) fn resume(&mut self, record: &Record) {
        if self.memory.history.is_empty() {
            let Record { input, decision, .. } = record;
            self.memory = Memory { history: input.history.clone(), changes: input.changes.clone() };
            self.memory.remember(decision, decision.write, &input.policy);
        }
    }

    /// Takes in what runs.
    pub(crate) fn see(&mut self, observed: &Observed, facts: &ReplicaFacts, now: Timestamp) {
        self.learning.see(observed, facts, now);
        self.pods.clone_from(&observed.pods);
        self.has_reserve = observed.has_reserve;
    }

    /// Learns from one look at the pods, at most once a minute; `cpu` is cores per pod.
    pub(crate) fn learn(&mut self, now: Timestamp, cpu: Option<f64>) {
        let minute = SignedDuration::from_mins(1);
        if self.learned_at.is_none_or(|at| now.duration_since(at) >= minute) {
            self.learned_at = Some(now);
            self.learning.minute(now, &self.signals, cpu);
        }
    }

    /// Remembers a decision; says whether it belongs into the ledger: it differs from the last, or some time has passed.
    pub(crate) fn remember(&mut self, record: &Arc<Record>, written: bool) -> bool {
        let decision = &record.decision;
        self.memory.remember(decision, written, &record.input.policy);
        let told = |d: &Decision| (d.outcome, d.reason, d.desired);
        let unchanged = self.last.as_ref().is_some_and(|last| told(&last.decision) == told(decision));
        let recent = self.recorded.is_some_and(|at| decision.at.duration_since(at) < RECORD);
        self.last = Some(Arc::clone(record));
        if unchanged && recent {
            return false;
        }
        self.recorded = Some(decision.at);
        true
    }

    /// What a `ShopService`'s status says was learned; `None` where nothing was.
    pub(crate) fn learned(&self, now: Timestamp) -> Option<Learned> {
        self.learning.status(&self.pods, now)
    }

    /// The pods that serve: one that is cut off is no peer of theirs.
    pub(crate) fn serving(&self) -> impl Iterator<Item = &PodFacts> {
        self.pods.iter().filter(|pod| !self.has_reserve || pod.reserve.label == ServiceLabel::InService)
    }

    /// Names of the serving pods that have been Ready for `long`, so that they have been scraped.
    pub(crate) fn scraped_pods(&self, now: Timestamp, long: SignedDuration) -> Vec<String> {
        let settled = |pod: &&PodFacts| pod.ready_since.is_some_and(|since| now.duration_since(since) >= long);
        self.serving().filter(settled).map(|pod| pod.name.clone()).collect()
    }
}
