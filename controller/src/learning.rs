//! What is learned of a service as it runs: how long its pods take to be Ready, and what one of them can serve.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use presale_cluster::convert::ServiceSpec;
use presale_cluster::{Observed, PodFacts};
use presale_crds::{DurationText, Learned, LearnedRequests, Quantity, ResourceAmount, ShopService};
use presale_models::capacity::{Capacity, CapacityConfig, CapacityEstimate, CapacitySource, CapacityWindow};
use presale_models::lead_time::{LeadTime, LeadTimeConfig, LeadTimeEstimate};
use presale_models::{Reading, Sample};

use crate::signals::Signals;

/// A start that took longer says that something was broken, not how long starts take.
const BROKEN: SignedDuration = SignedDuration::from_mins(15);
/// Lead times are kept on this grid, upwards, so that pods that are starting do not move plans with every second.
const GRID: i64 = 5;

/// What people stated of one replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplicaFacts {
    declared: Option<f64>,
    learns: bool,
    cpu: Option<f64>,
    latency_limit: Option<f64>,
}

impl ReplicaFacts {
    /// As `shop` states them; an adopted workload's CPU is not stated there.
    pub(crate) fn of(shop: &ShopService, spec: &ServiceSpec) -> Self {
        let resources = shop.spec.resources.as_ref();
        let amount = resources.and_then(|r| r.limits.get("cpu").or_else(|| r.requests.get("cpu")));
        let cpu = amount.and_then(|amount| match amount {
            ResourceAmount::Number(cores) => i32::try_from(*cores).ok().map(f64::from),
            ResourceAmount::Text(text) => Quantity(text.clone()).parse().ok(),
        });
        Self {
            declared: spec.requests_per_replica,
            learns: spec.signal.per_replica().is_none(),
            cpu,
            latency_limit: spec.latency.map(|latency| latency.max.as_secs_f64()),
        }
    }
}

/// Lead time and capacity of one service.
#[derive(Debug)]
pub(crate) struct Learning {
    lead: LeadTime,
    counted: BTreeSet<String>,
    capacity: Capacity,
    image: Option<String>,
    ready: u32,
    steady: bool,
    /// Since when each pod has been seen in service.
    serving: BTreeMap<String, Timestamp>,
    /// What waits in a queue says nothing of what a replica can serve.
    learns: bool,
}

impl Learning {
    /// Nothing learned yet; decisions come every `tick`.
    pub(crate) fn new(tick: SignedDuration) -> Self {
        // A decision waits for the next tick, and its signal was up to one tick old.
        let overhead = tick.saturating_mul(2);
        let config = LeadTimeConfig { overhead, ..LeadTimeConfig::default() };
        let unknown = CapacityConfig { key: String::new(), declared: None, cpu: None, latency_limit: None };
        Self {
            lead: LeadTime::new(config),
            counted: BTreeSet::new(),
            capacity: Capacity::new(unknown),
            image: None,
            ready: 0,
            steady: false,
            serving: BTreeMap::new(),
            learns: true,
        }
    }

    /// Takes in what runs: pods that became Ready, and the image they run.
    pub(crate) fn see(&mut self, observed: &Observed, facts: &ReplicaFacts, now: Timestamp) {
        for pod in &observed.pods {
            let Some(ready) = pod.ready_since.filter(|_| pod.restarts == 0) else { continue };
            let took = ready.duration_since(pod.created);
            if took < BROKEN && self.counted.insert(pod.uid.clone()) {
                self.lead.started(took);
            }
        }
        self.counted.retain(|uid| observed.pods.iter().any(|pod| pod.uid == *uid));
        self.capacity.configure(CapacityConfig {
            key: format!("{} {:?}", observed.image.as_deref().unwrap_or_default(), facts.cpu),
            declared: facts.declared,
            cpu: facts.cpu,
            latency_limit: facts.latency_limit,
        });
        self.image.clone_from(&observed.image);
        self.learns = facts.learns;
        self.ready = observed.replicas.ready;
        let settled = |pod: &PodFacts| pod.ready_since.is_some_and(|since| now.duration_since(since).as_secs() >= 60);
        self.serving.retain(|uid, _| observed.serving().any(|pod| pod.uid == *uid));
        let mut all_settled = true;
        for pod in observed.serving() {
            // A pod that came back from the reserve has been Ready for long, and in service for a moment.
            let since = *self.serving.entry(pod.uid.clone()).or_insert(now);
            let returned = observed.has_reserve && now.duration_since(since).as_secs() < 60;
            all_settled &= settled(pod) && !returned;
        }
        self.steady = !observed.rolling_out && observed.replicas.starting == 0 && all_settled;
    }

    /// Learns what a replica serves from one minute at steady state; `cpu` is cores per Ready pod.
    pub(crate) fn minute(&mut self, at: Timestamp, signals: &Signals, cpu: Option<f64>) {
        let steady = self.learns && self.steady && self.ready > 0;
        let (Some(load), true) = (signals.sample().at_least(), steady) else { return };
        if matches!(signals.sample(), Sample::Missing) {
            return;
        }
        let latency = match signals.latency {
            Reading::Fresh { value, .. } => Some(value),
            _ => None,
        };
        self.capacity.observe(CapacityWindow { at, load_per_replica: load / f64::from(self.ready), cpu, latency });
    }

    /// What one replica serves; `None` where nothing is declared or learned.
    pub(crate) fn capacity(&self) -> Option<CapacityEstimate> {
        self.capacity.estimate()
    }

    /// Decision → Ready pod, pods that are starting right now counted.
    pub(crate) fn lead_time(&self, pods: &[PodFacts], now: Timestamp) -> LeadTimeEstimate {
        // Pods that never ran because nobody could place or pull them tell nothing about starting.
        let starts = |pod: &&PodFacts| {
            let stuck = pod.waiting.as_deref().is_some_and(|why| why != "ContainerCreating");
            pod.ready_since.is_none() && pod.restarts == 0 && pod.node.is_some() && !stuck
        };
        let ages: Vec<SignedDuration> = pods.iter().filter(starts).map(|pod| now.duration_since(pod.created)).collect();
        let estimate = self.lead.p95(&ages);
        let seconds = (estimate.p95.as_secs() + GRID - 1) / GRID * GRID;
        LeadTimeEstimate { p95: SignedDuration::from_secs(seconds), ..estimate }
    }

    /// For status: only what was really learned.
    pub(crate) fn status(&self, pods: &[PodFacts], now: Timestamp) -> Option<Learned> {
        let lead = self.lead_time(pods, now);
        let capacity = self.capacity().filter(|c| c.source != CapacitySource::Declared);
        let learned = Learned {
            lead_time: lead.learned.then(|| DurationText(format!("{}s", lead.p95.as_secs()))),
            requests_per_replica: capacity
                .and_then(|c| Some(LearnedRequests { p10: Quantity::rounded(c.p10)?, p50: Quantity::rounded(c.p50)? })),
            image: self.image.clone(),
        };
        (learned.lead_time.is_some() || learned.requests_per_replica.is_some()).then_some(learned)
    }
}
