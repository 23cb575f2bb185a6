//! The pods of every service against each other: read pod by pod, judged by the planner, put away by the Eviction API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use presale_cluster::convert::ServiceSpec;
use presale_cluster::{Evicted, Notice, PodFacts, evict};
use presale_crds::{HealthState, HealthStatus, Remediation as Wish, RemediationRecord, ShopService, SickPod};
use presale_metrics::EvictionLabels;
use presale_models::Reading;
use presale_planner::health::{HealthInput, HealthPolicy, Hold, PodReading, Remediation, Suspect, Verdict, remediate};
use presale_prometheus::{PodReadings, Prometheus, ServiceQuery};
use tokio_util::sync::CancellationToken;

use crate::config::unsigned;
use crate::measure;
use crate::operator::{Operator, key_of};
use crate::tick::query_of;

/// Time between two looks, at least: pods are judged by rates over a minute.
const LOOK: Duration = Duration::from_secs(5);
/// Restarts within this time count.
const LATELY: SignedDuration = SignedDuration::from_mins(10);

/// What is remembered of one service's pods.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    suspects: Vec<Suspect>,
    evictions: Vec<Timestamp>,
    histories: BTreeMap<String, History>,
    status: Option<HealthStatus>,
}

/// What is remembered of one pod.
#[derive(Debug, Default)]
struct History {
    restarts: Vec<(Timestamp, u32)>,
    not_ready_since: Option<Timestamp>,
}

impl Watch {
    /// For status; `None` where nobody looks.
    pub(crate) fn status(&self) -> Option<HealthStatus> {
        self.status.clone()
    }

    /// Takes in the pods, and turns them into what the planner judges.
    fn readings(&mut self, pods: &[PodFacts], seen: &BTreeMap<String, PodReadings>, now: Timestamp) -> Vec<PodReading> {
        self.histories.retain(|uid, _| pods.iter().any(|pod| pod.uid == *uid));
        let newest = pods.iter().max_by_key(|pod| pod.created).and_then(|pod| pod.revision.clone());
        let current = pods.iter().filter(|pod| pod.revision == newest);
        current
            .map(|pod| {
                let history = self.histories.entry(pod.uid.clone()).or_default();
                history.see(pod, now);
                let readings = seen.get(&pod.name);
                let value = |of: fn(&PodReadings) -> Reading| readings.map(of).and_then(|reading| reading.complete());
                PodReading {
                    name: pod.name.clone(),
                    created: pod.created,
                    ready: pod.ready_since.is_some(),
                    not_ready_since: history.not_ready_since,
                    restarts: history.restarts_lately(),
                    load: value(|r| r.load),
                    errors: value(|r| r.error_ratio),
                    latency: value(|r| r.latency),
                }
            })
            .collect()
    }

    /// Remembers a verdict; what was done is told once.
    fn remember(&mut self, found: &Remediation, action: Option<RemediationRecord>) {
        self.suspects.clone_from(&found.suspects);
        let before = self.status.take().and_then(|status| status.last_remediation);
        let same = |new: &RemediationRecord, old: &RemediationRecord| {
            (&new.pod, &new.cause, &new.action) == (&old.pod, &old.cause, &old.action)
        };
        let last_remediation = match (action, before) {
            (Some(new), Some(old)) if same(&new, &old) => Some(old),
            (new, old) => new.or(old),
        };
        self.status = Some(HealthStatus {
            state: match found.verdict {
                Verdict::Healthy => HealthState::Well,
                Verdict::Sick | Verdict::Broken => HealthState::Sick,
                Verdict::Overloaded => HealthState::Overloaded,
                Verdict::Unknown => HealthState::Unknown,
            },
            sick_pods: found
                .suspects
                .iter()
                .map(|suspect| SickPod {
                    name: suspect.pod.clone(),
                    cause: format!("{:?}", suspect.symptom),
                    since: Time(suspect.since),
                })
                .collect(),
            last_remediation,
        });
    }
}

impl History {
    fn see(&mut self, pod: &PodFacts, now: Timestamp) {
        self.restarts.push((now, pod.restarts));
        self.restarts.retain(|(at, _)| now.duration_since(*at) <= LATELY);
        self.not_ready_since = match (pod.ready_since, self.not_ready_since) {
            (Some(_), _) => None,
            (None, known) => known.or(Some(if self.restarts.len() <= 1 { pod.created } else { now })),
        };
    }

    fn restarts_lately(&self) -> u32 {
        let counts = self.restarts.iter().map(|(_, count)| *count);
        counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
    }
}

/// Looks until stopped.
pub(crate) async fn run(operator: Arc<Operator>, stop: CancellationToken) {
    let Some(prometheus) = &operator.prometheus else {
        stop.cancelled().await;
        return;
    };
    let mut every = tokio::time::interval(unsigned(operator.tick()).max(LOOK));
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        if Box::pin(stop.run_until_cancelled(look(&operator, prometheus))).await.is_none() {
            return;
        }
    }
}

/// One look at all pods.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn look(operator: &Operator, prometheus: &Prometheus) {
    let specs = operator.shops().into_iter().filter_map(|shop| operator.spec(&shop).ok().map(|spec| (shop, spec)));
    let all: Vec<(Arc<ShopService>, ServiceSpec, ServiceQuery)> = specs
        .map(|(shop, spec)| {
            let query = query_of(operator, &shop, &spec);
            (shop, spec, query)
        })
        .collect();
    let asked: Vec<ServiceQuery> = all.iter().map(|(_, _, query)| query.clone()).collect();
    let seen = prometheus.observe_pods(&asked).await;
    for failure in &seen.failures {
        tracing::warn!(error = %failure, "pods cannot be read; nobody is judged");
    }
    for (shop, spec, query) in &all {
        if let Some(pods) = seen.services.get(&query.key) {
            judge(operator, shop, spec, pods).await;
        }
    }
}

/// Judges one service's pods, and acts on the verdict.
async fn judge(operator: &Operator, shop: &ShopService, spec: &ServiceSpec, seen: &BTreeMap<String, PodReadings>) {
    let (key, now) = (key_of(shop), operator.now());
    let promotions = operator.promotions.floors(&key);
    let lead_time = operator.lead_time(&key, spec, now);
    let (found, pods) = operator.services.with(&key, |service| {
        service.learn(now, mean(seen.values().map(|pod| pod.cpu)));
        let pods: Vec<PodFacts> = service.serving().cloned().collect();
        let readings = service.health.readings(&pods, seen, now);
        service.health.evictions.retain(|at| now.duration_since(*at) <= SignedDuration::from_hours(1));
        let input = HealthInput {
            now,
            policy: HealthPolicy {
                evict: spec.health.remediation == Wish::Auto,
                min_healthy: spec.health.min_healthy,
                per_hour: spec.health.per_hour,
                ..HealthPolicy::default()
            },
            replicas: service.last.as_ref().map_or(0, |last| last.input.replicas.current),
            latency_limit: spec.latency.map(|latency| latency.max.as_secs_f64()),
            lead_time,
            rolling_out: readings.len() != pods.len(),
            promotions,
            evictions: service.health.evictions.clone(),
            suspects: service.health.suspects.clone(),
            pods: readings,
        };
        (remediate(&input), pods)
    });
    if spec.health.remediation == Wish::Off || !operator.leadership.leads() {
        return;
    }
    operator
        .metrics
        .sick_pods
        .get_or_create(&measure::labels(&key))
        .set(i64::try_from(found.suspects.len()).unwrap_or(0));
    let record = act(operator, shop, &found, &pods, now).await;
    operator.services.with(&key, |service| {
        if record.as_ref().is_some_and(|record| record.action == "Evicted") {
            service.health.evictions.push(now);
        }
        service.health.remember(&found, record);
    });
}

/// Evicts, or says why not; what is to be remembered of it.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn act(
    operator: &Operator,
    shop: &ShopService,
    found: &Remediation,
    pods: &[PodFacts],
    now: Timestamp,
) -> Option<RemediationRecord> {
    let key = key_of(shop);
    let record = |suspect: &Suspect, action: &str| RemediationRecord {
        pod: suspect.pod.clone(),
        cause: format!("{:?}", suspect.symptom),
        action: action.to_owned(),
        at: Time(now),
    };
    let Some(name) = &found.evict else {
        let (suspect, hold) = (found.suspects.first()?, found.held_by?);
        let confirming = hold == Hold::Confirming;
        if !confirming
            && let Err(error) = operator.events.tell(shop, &Notice::eviction_held(&suspect.pod, &found.why)).await
        {
            tracing::warn!(%error, "an event was not written");
        }
        return (!confirming).then(|| record(suspect, &format!("{hold:?}")));
    };
    let suspect = found.suspects.iter().find(|suspect| suspect.pod == *name)?;
    let pod = pods.iter().find(|pod| pod.name == *name)?;
    let evicted = evict(&operator.writer, &key.namespace, name, &pod.uid).await;
    let (action, result) = match &evicted {
        Ok(Evicted::Accepted) => ("Evicted", "accepted"),
        Ok(Evicted::RefusedByBudget(_)) => ("RefusedByBudget", "refused"),
        Ok(Evicted::Gone) => ("Gone", "gone"),
        Err(error) => {
            tracing::warn!(service = %key, pod = name, %error, "a sick pod cannot be evicted");
            ("Failed", "failed")
        }
    };
    let labels = EvictionLabels { namespace: key.namespace.clone(), service: key.service.clone(), result };
    operator.metrics.evictions.get_or_create(&labels).inc();
    tracing::info!(service = %key, pod = name, action, "{}", found.why);
    let notice = match &evicted {
        Ok(Evicted::Accepted) => Notice::evicted(name, &found.why),
        Ok(Evicted::RefusedByBudget(words)) => Notice::eviction_held(name, words),
        _ => return Some(record(suspect, action)),
    };
    if let Err(error) = operator.events.tell(shop, &notice).await {
        tracing::warn!(%error, "an event was not written");
    }
    Some(record(suspect, action))
}

/// Mean of complete readings; `None` unless all are complete.
fn mean(readings: impl Iterator<Item = Reading>) -> Option<f64> {
    let values: Option<Vec<f64>> = readings.map(|reading| reading.complete()).collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}
