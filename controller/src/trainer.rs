//! Training: at the start on the whole past at once, then on schedule, on a bounded pool and within a deadline.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use presale_cluster::convert::ServiceSpec;
use presale_crds::ShopService;
use presale_metrics::{ServiceLabels, Timer, TrainingLabels};
use presale_models::{EventWindow, ForecastError, Sample, Series, ServiceModel, ServiceModelConfig};
use presale_planner::HOLD;
use presale_prometheus::{Measure, Prometheus, QueryError, ServiceKey, ServiceQuery};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::calendar::events_of;
use crate::config::unsigned;
use crate::model_store::{Found, ModelStore, Stored};
use crate::operator::{Operator, key_of};
use crate::recent::floor;
use crate::tick::query_of;

/// Grid of the past that is learned from.
const GRID: SignedDuration = SignedDuration::from_mins(5);
/// The newest past is read by the minute.
const RECENT: SignedDuration = SignedDuration::from_hours(48);
/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long to wait after a training that failed.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// A model that has not seen data for this long is trained anew at once.
const STALE: SignedDuration = SignedDuration::from_hours(1);
/// How often models that learn as they go are kept on disk.
const KEEP: SignedDuration = SignedDuration::from_mins(15);

/// Trains until stopped, then keeps every model.
pub(crate) async fn run(operator: Arc<Operator>, stop: CancellationToken) {
    if operator.prometheus.is_none() {
        stop.cancelled().await;
        return;
    }
    let mut trainer = Trainer {
        store: Arc::new(ModelStore::new(&operator.config.data_dir)),
        pool: Arc::new(Semaphore::new(usize::from(operator.config.training.training_threads))),
        due: HashMap::new(),
        running: JoinSet::new(),
        kept: operator.now(),
        operator,
    };
    let mut every = tokio::time::interval(LOOK);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        trainer.look().await;
    }
    trainer.running.abort_all();
    trainer.keep_all().await;
}

struct Trainer {
    operator: Arc<Operator>,
    store: Arc<ModelStore>,
    pool: Arc<Semaphore>,
    due: HashMap<ServiceKey, (u64, Timestamp)>,
    running: JoinSet<(ServiceKey, Timestamp)>,
    kept: Timestamp,
}

/// Why there is no new model.
#[derive(Debug, thiserror::Error)]
enum TrainingError {
    #[error(transparent)]
    History(#[from] QueryError),
    #[error(transparent)]
    Fit(#[from] ForecastError),
    #[error("training took longer than {0:#}; the model before stays in use")]
    Overrun(SignedDuration),
    #[error("training stopped: {0}")]
    Died(String),
}

impl TrainingError {
    fn reason(&self) -> &'static str {
        match self {
            Self::History(_) => "history",
            Self::Fit(error) => error.reason(),
            Self::Overrun(_) => "overrun",
            Self::Died(_) => "failed",
        }
    }
}

impl Trainer {
    async fn look(&mut self) {
        let now = self.operator.now();
        while let Some(done) = self.running.try_join_next() {
            if let Ok((key, next)) = done {
                self.due.entry(key).and_modify(|(_, due)| *due = next);
            }
        }
        let shops = self.operator.shops();
        let gone = |key: &ServiceKey| !shops.iter().any(|shop| key_of(shop) == *key);
        self.due.retain(|key, _| !gone(key));
        for shop in shops {
            let Ok(spec) = self.operator.spec(&shop) else { continue };
            let (key, fingerprint) = (key_of(&shop), fingerprint(&spec));
            match self.due.get(&key) {
                Some((known, due)) if *known == fingerprint && now < *due => continue,
                Some((known, _)) if *known == fingerprint => {}
                _ => self.restore(&key, fingerprint, now).await,
            }
            if self.due.get(&key).is_some_and(|(_, due)| now >= *due) {
                self.begin(&shop, &spec, key, now);
            }
        }
        if now.duration_since(self.kept) >= KEEP {
            self.kept = now;
            self.keep_all().await;
        }
    }

    /// Takes up a model from disk, or sets the service up for its first training.
    #[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
    async fn restore(&mut self, key: &ServiceKey, fingerprint: u64, now: Timestamp) {
        let (store, wanted) = (Arc::clone(&self.store), key.clone());
        let found = tokio::task::spawn_blocking(move || store.load(&wanted)).await;
        let mut due = now;
        match found {
            Ok(Ok(Found::Newest(stored))) if stored.fingerprint == fingerprint => {
                let seen_lately = now.duration_since(stored.model.data_until()) < STALE;
                due = if seen_lately { self.next(key, stored.trained_at, now) } else { now };
                self.take_up(key, stored, false);
            }
            Ok(Ok(Found::LastGood(stored, error))) if stored.fingerprint == fingerprint => {
                tracing::warn!(service = %key, %error, "the newest model is damaged; the last good one is used");
                self.take_up(key, stored, true);
            }
            Ok(Ok(Found::Damaged(error))) => {
                tracing::warn!(service = %key, %error, "every stored model is damaged; live load acts alone until trained");
                self.operator.forecasts.without(key, "artifact_corrupt");
            }
            Ok(Ok(_)) => self.operator.forecasts.without(key, "untrained"),
            Ok(Err(error)) => tracing::warn!(service = %key, %error, "stored models cannot be read"),
            Err(error) => tracing::warn!(service = %key, %error, "stored models cannot be read"),
        }
        self.due.insert(key.clone(), (fingerprint, due));
    }

    fn take_up(&self, key: &ServiceKey, stored: Stored, last_good: bool) {
        tracing::info!(service = %key, model = stored.model.name(), trained_at = %stored.trained_at, "took up a stored model");
        self.operator.forecasts.install(key, stored, last_good);
    }

    /// Starts a training unless the pool is full; then it starts at a later look.
    fn begin(&mut self, shop: &Arc<ShopService>, spec: &ServiceSpec, key: ServiceKey, now: Timestamp) {
        let Ok(permit) = Arc::clone(&self.pool).try_acquire_owned() else { return };
        let (operator, store) = (Arc::clone(&self.operator), Arc::clone(&self.store));
        let job = Job {
            query: query_of(&operator, shop, spec),
            config: config_of(&operator, &key, spec),
            events: events_of(&operator, &key, now),
            lookback: spec.lookback,
            fingerprint: fingerprint(spec),
        };
        let next = self.next(&key, now, now);
        // Not due again while it runs.
        self.due.entry(key.clone()).and_modify(|(_, due)| *due = Timestamp::MAX);
        self.running.spawn(async move {
            let trained = train(&operator, job, now, permit).await;
            let again = now.saturating_add(AGAIN).unwrap_or(next).min(next);
            (key.clone(), if conclude(&operator, &store, &key, trained).await { next } else { again })
        });
    }

    /// When to train again: an interval later, at the service's own share of it, so that not all train at once.
    fn next(&self, key: &ServiceKey, trained: Timestamp, now: Timestamp) -> Timestamp {
        let interval = self.operator.config.training.training_interval;
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let share =
            SignedDuration::from_secs(interval.as_secs() / 8 * i64::try_from(hasher.finish() % 64).unwrap_or(0) / 64);
        trained.saturating_add(interval).and_then(|due| due.checked_sub(share)).unwrap_or(now)
    }

    /// Keeps every model as it is now on disk.
    async fn keep_all(&self) {
        for shop in self.operator.shops() {
            let key = key_of(&shop);
            if let Some(stored) = self.operator.forecasts.snapshot(&key) {
                keep(&self.store, &key, stored).await;
            }
        }
    }
}

/// Everything that a training needs.
struct Job {
    query: ServiceQuery,
    config: ServiceModelConfig,
    events: Vec<EventWindow>,
    lookback: SignedDuration,
    fingerprint: u64,
}

async fn train(
    operator: &Operator,
    job: Job,
    now: Timestamp,
    permit: tokio::sync::OwnedSemaphorePermit,
) -> Result<Stored, TrainingError> {
    let Some(prometheus) = &operator.prometheus else { return Err(TrainingError::Died("no Prometheus".into())) };
    let key = job.query.key.clone();
    let timer = Timer::start();
    let (history, recent) = read(prometheus, &job, now).await?;
    tracing::info!(service = %key, steps = history.len(), completeness = history.completeness(), "training");
    let deadline = operator.config.training.training_deadline;
    let work = tokio::task::spawn_blocking(move || {
        // An overrun training keeps its place in the pool until it ends: it cannot be stopped from outside.
        let _place = permit;
        let model = ServiceModel::train(&history, &recent, &job.events, &job.config)?;
        Ok::<_, ForecastError>(Stored { trained_at: now, fingerprint: job.fingerprint, model })
    });
    let trained = match tokio::time::timeout(unsigned(deadline), work).await {
        Err(_elapsed) => Err(TrainingError::Overrun(deadline)),
        Ok(Err(died)) => Err(TrainingError::Died(died.to_string())),
        Ok(Ok(trained)) => trained.map_err(TrainingError::from),
    };
    let result = trained.as_ref().map_or_else(TrainingError::reason, |_| "trained");
    operator.metrics.training.get_or_create(&TrainingLabels { result }).observe(timer.seconds());
    trained
}

/// The past on the grid, and its newest part by the minute.
async fn read(prometheus: &Prometheus, job: &Job, now: Timestamp) -> Result<(Series, Series), QueryError> {
    let end = floor(now, GRID);
    let start = end.saturating_sub(job.lookback).unwrap_or(end);
    let history = prometheus.history(&job.query, Measure::Load, (floor(start, GRID), end), GRID).await?;
    let end = floor(now, SignedDuration::from_mins(1));
    let start = end.saturating_sub(RECENT.min(job.lookback)).unwrap_or(end);
    let recent = prometheus.history(&job.query, Measure::Load, (start, end), SignedDuration::from_mins(1)).await?;
    Ok((history, recent))
}

/// Puts a new model to use and keeps it; says whether there is one.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn conclude(
    operator: &Operator,
    store: &Arc<ModelStore>,
    key: &ServiceKey,
    trained: Result<Stored, TrainingError>,
) -> bool {
    match trained {
        Ok(mut stored) => {
            catch_up(operator, key, &mut stored);
            let (scores, trusted) = (stored.model.scores(), stored.model.trusted());
            tracing::info!(service = %key, model = stored.model.name(), trusted, ?scores, "trained");
            let labels = ServiceLabels { namespace: key.namespace.clone(), service: key.service.clone() };
            operator.metrics.trained.get_or_create(&labels).set(stored.trained_at.as_second());
            operator.forecasts.install(key, stored.clone(), false);
            keep(store, key, stored).await;
            true
        }
        Err(error) => {
            tracing::warn!(service = %key, %error, "no new model");
            operator.forecasts.without(key, error.reason());
            false
        }
    }
}

/// Shows the new model what was read while it was trained.
fn catch_up(operator: &Operator, key: &ServiceKey, stored: &mut Stored) {
    let minute = SignedDuration::from_mins(1);
    let Ok(recent) = operator.services.with(key, |service| service.signals.demand()) else { return };
    let mut at = stored.model.data_until();
    while let Ok(end) = at.checked_add(minute)
        && end <= recent.end()
    {
        // The first reading after the minute is the mean over it.
        match recent.at(end) {
            Sample::Missing => {}
            sample => stored.model.observe(at, sample),
        }
        at = end;
    }
}

#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn keep(store: &Arc<ModelStore>, key: &ServiceKey, stored: Stored) {
    let (store, owner) = (Arc::clone(store), key.clone());
    let saved = tokio::task::spawn_blocking(move || store.save(&owner, &stored)).await;
    match saved {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(service = %key, %error, "a model is not kept; a restart trains it anew"),
        Err(error) => tracing::warn!(service = %key, %error, "a model is not kept; a restart trains it anew"),
    }
}

fn config_of(operator: &Operator, key: &ServiceKey, spec: &ServiceSpec) -> ServiceModelConfig {
    ServiceModelConfig {
        time_zone: spec.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        country: spec.country.clone(),
        lead_time: operator.lead_time(key, spec, operator.now()),
        hold: HOLD,
        seed: fingerprint(spec),
    }
}

/// Digest of what a model is made of, the data aside.
fn fingerprint(spec: &ServiceSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{:?}", spec.signal).hash(&mut hasher);
    (spec.time_zone.iana_name(), &spec.country, spec.lookback.as_secs()).hash(&mut hasher);
    hasher.finish()
}
