//! Our own policy: the operator's model and the operator's decision, fed with the same scrapes as everyone else.

mod announced;

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use presale_models::{
    EventWindow, Level, PredictRequest, QuantileForecast, Reading, Sample, Series, ServiceModel, ServiceModelConfig,
    Target,
};
use presale_planner::{
    Behavior, FastSignal, ForecastInput, HOLD, Memory, Mode, PlanInput, Policy as PlanPolicy, PromotionFloor,
    PromotionSpec, ReplicaCounts, ReserveInput, ReservePolicy, Saturation, Select, Trust, decide,
};

use crate::plant::TICK;
use crate::policy::{Glance, Past, Policy, Scrape, Sight};
use announced::{Announced, Known};

/// Seconds between two trainings, as in the operator.
const REFIT: i64 = 6 * 3600;
/// Minutes kept for the nowcast, as in the operator.
const MINUTES: usize = 2880;
/// Minutes that the decision itself looks back on.
const RECENT: usize = 20;
/// Ticks that promotions look back on: half an hour, as in the operator.
const TICKS: usize = 120;
const DAY: i64 = 86_400;

/// What a user of Presale would set.
#[derive(Debug, Clone, PartialEq)]
pub struct PresaleSpec {
    /// What one replica serves.
    pub capacity: f64,
    /// Created → ready, p95.
    pub lead: SignedDuration,
    /// Level of the load's maximum that capacity must cover.
    pub level: Level,
    /// Whether the forecast may act.
    pub trust: Trust,
    /// Merchant's time zone.
    pub time_zone: String,
    /// Labelled events; each is used only once it is known.
    pub events: Vec<EventWindow>,
    /// Promotions that were announced.
    pub promotions: Vec<PromotionSpec>,
    /// Seed of the model.
    pub seed: u64,
    /// Fewest replicas.
    pub min: u32,
    /// The warm reserve; `None` = none.
    pub reserve: Option<ReservePolicy>,
}

/// Model, memory and minutes of one service.
#[derive(Debug)]
pub struct Presale {
    spec: PresaleSpec,
    policy: PlanPolicy,
    model: Option<ServiceModel>,
    trained_at: i64,
    minutes: VecDeque<Sample>,
    minutes_end: i64,
    ticks: Vec<f64>,
    live: VecDeque<Sample>,
    last: Option<Scrape>,
    memory: Memory,
    forecast: Option<QuantileForecast>,
    past: Option<Series>,
    announced: Announced,
    promotions: Vec<PromotionFloor>,
    fast: FastSignal,
    waiting: f64,
    wanted: u32,
}

impl Presale {
    /// Starts with the training past's minutes, if it has any.
    pub fn new(spec: PresaleSpec, past: &Past) -> Self {
        let free = Behavior { stabilization: None, limits: Vec::new(), select: Select::Max };
        let policy = PlanPolicy {
            min: spec.min,
            max: 1_000_000,
            fixed: None,
            mode: Mode::Auto,
            level: spec.level,
            trust: spec.trust,
            up: free.clone(),
            down: free,
            paused_out: false,
            paused_in: false,
            hand_hold: SignedDuration::from_mins(30),
        };
        let end = past.start.as_second() + past.step * i64::try_from(past.load.len()).unwrap_or(0);
        let fine = past.step <= 60;
        let per = usize::try_from(60 / past.step.clamp(1, 60)).unwrap_or(1);
        let known = if fine { past.load.len() / per * per } else { 0 };
        let tail = &past.load[past.load.len() - known.min(MINUTES * per)..];
        let minutes = tail.chunks(per).map(|c| Sample::from_raw(mean(c).unwrap_or(f64::NAN))).collect();
        Self {
            announced: Announced::new(&spec.promotions),
            spec,
            policy,
            model: None,
            trained_at: i64::MIN,
            minutes,
            minutes_end: end,
            ticks: Vec::new(),
            live: VecDeque::new(),
            last: None,
            memory: Memory::default(),
            forecast: None,
            past: None,
            promotions: Vec::new(),
            fast: FastSignal::default(),
            waiting: 0.0,
            wanted: 0,
        }
    }

    fn train(&mut self, sight: &Sight<'_>) {
        self.trained_at = sight.now.as_second();
        let config = ServiceModelConfig {
            time_zone: self.spec.time_zone.clone(),
            country: None,
            lead_time: self.spec.lead,
            hold: HOLD,
            seed: self.spec.seed,
        };
        let (Some(history), Some(recent)) = (history(sight.past), self.recent(MINUTES)) else { return };
        let known = self.calendar(sight.now);
        // A training that fails keeps the old model; without one the reactive net decides alone.
        if let Ok(model) = ServiceModel::train(&history, &recent, &known, &config) {
            self.model = Some(model);
        }
        let labelled: Vec<(Timestamp, Timestamp)> = known.iter().map(|e| (e.start, e.end)).collect();
        self.past = Some(history.without(&labelled));
    }

    /// Labelled events as they are known at `now`, promotions with what is believed of them.
    fn calendar(&self, now: Timestamp) -> Vec<EventWindow> {
        let labelled = self.spec.events.iter().filter(|e| e.known_from <= now).cloned();
        labelled.chain(self.announced.windows(now)).collect()
    }

    /// What promotions ask for now.
    fn floors(&mut self, now: Timestamp) -> Vec<PromotionFloor> {
        if !self.announced.near(now) {
            return Vec::new();
        }
        let ticks = TICK * i64::try_from(self.live.len()).unwrap_or(0);
        let start = Timestamp::from_second(now.as_second() + TICK - ticks).unwrap_or(now);
        let samples = self.live.iter().copied().collect();
        let (Some(minutes), Ok(live)) =
            (self.recent(MINUTES), Series::new(start, SignedDuration::from_secs(TICK), samples))
        else {
            return Vec::new();
        };
        let known = Known {
            policy: &self.policy,
            capacity: self.spec.capacity,
            lead: self.spec.lead,
            model: self.model.as_ref(),
            past: self.past.as_ref(),
            live: &live,
            minutes: &minutes,
        };
        self.announced.floors(&known, now)
    }

    fn recent(&self, most: usize) -> Option<Series> {
        let n = self.minutes.len().min(most);
        let start = self.minutes_end - 60 * i64::try_from(n).unwrap_or(0);
        let samples = self.minutes.iter().skip(self.minutes.len() - n).copied().collect();
        Series::new(Timestamp::from_second(start).ok()?, SignedDuration::from_mins(1), samples).ok()
    }

    /// Closes a minute: into the ring, into the model, and a new forecast out of it.
    fn minute(&mut self, second: i64) {
        let sample = Sample::from_raw(mean(&self.ticks).unwrap_or(f64::NAN));
        self.ticks.clear();
        self.minutes.push_back(sample);
        self.minutes_end = second;
        if self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
        let Ok(at) = Timestamp::from_second(second - 60) else { return };
        let calendar = self.calendar(at);
        if let Some(model) = &mut self.model {
            model.announce(&calendar);
            model.observe(at, sample);
        }
    }

    fn predict(&mut self, now: Timestamp) {
        let lead = self.spec.lead;
        let request = PredictRequest {
            origin: now,
            step: SignedDuration::from_mins(1),
            steps: usize::try_from(2 * lead.as_secs() / 60 + 2).unwrap_or(8),
            target: Target::Maximum { lead_time: lead, hold: HOLD },
        };
        self.forecast = self.model.as_ref().and_then(|m| m.predict(&request).ok());
    }

    /// The load by the fast signal, and of what waits as much as would be served within a tick; `None` without a reserve.
    fn live_load(&self) -> Option<f64> {
        self.spec.reserve.and_then(|_| self.fast.load()).map(|load| load + self.waiting / TICK as f64)
    }

    fn input(&self, sight: &Sight<'_>) -> Option<PlanInput> {
        let scrape = self.live_load().map(|load| Scrape { at: sight.now, load }).or(sight.scrape);
        let load = match (scrape, self.last) {
            (Some(scrape), _) if scrape.load > 0.0 => Reading::Fresh { value: scrape.load, at: scrape.at },
            (Some(scrape), _) => Reading::Zero { at: scrape.at },
            (None, Some(old)) => Reading::Stale { value: old.load, at: old.at },
            (None, None) => Reading::Empty,
        };
        let forecast = match (&self.forecast, &self.model) {
            (Some(maximum), Some(model)) => ForecastInput::Available {
                maximum: maximum.clone(),
                trusted: model.trusted(),
                data_until: model.data_until(),
                bursty: model.bursty(),
            },
            _ => ForecastInput::Unavailable { reason: "not_enough_history".into() },
        };
        Some(PlanInput {
            now: sight.now,
            policy: self.policy.clone(),
            replicas: ReplicaCounts {
                current: sight.current,
                ready: sight.ready,
                starting: sight.current.saturating_sub(sight.ready),
            },
            load,
            recent: self.recent(RECENT)?,
            saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
            forecast,
            capacity_p10: Some(self.spec.capacity),
            capacity_p50: Some(self.spec.capacity),
            lead_time: self.spec.lead,
            promotions: self.promotions.clone(),
            history: self.memory.history.clone(),
            changes: self.memory.changes.clone(),
            hand_scaled: None,
            conflict: None,
            reserve: self.spec.reserve.map(|policy| ReserveInput { policy, warm: sight.warm, deferred: 0 }),
        })
    }
}

impl Presale {
    fn plan(&mut self, sight: &Sight<'_>) -> u32 {
        let Some(input) = self.input(sight) else { return sight.current };
        let decision = decide(&input);
        self.memory.remember(&decision, decision.write, &self.policy);
        self.wanted = if decision.write { decision.reserve.map_or(0, |r| r.replicas) } else { sight.warm };
        if decision.write { decision.desired } else { sight.current }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The past on the grid that models are fitted on: 5 min or the trace's own step, by the minute if it is shorter than two
/// days.
pub fn history(past: &Past) -> Option<Series> {
    let seconds = past.step * i64::try_from(past.load.len()).ok()?;
    let grid = if seconds < 2 * DAY { 60 } else { 300 };
    let per = usize::try_from(grid / past.step).unwrap_or(0).max(1);
    let keep = usize::try_from(28 * DAY / past.step).unwrap_or(0) / per * per;
    let skip = (past.load.len() % per).max(past.load.len().saturating_sub(keep));
    let samples = past.load[skip..].chunks(per).map(|c| Sample::from_raw(mean(c).unwrap_or(f64::NAN))).collect();
    let start = past.start.as_second() + past.step * i64::try_from(skip).ok()?;
    let step = SignedDuration::from_secs(past.step * i64::try_from(per).ok()?);
    Series::new(Timestamp::from_second(start).ok()?, step, samples).ok()
}

impl Policy for Presale {
    fn name(&self) -> &'static str {
        match (self.spec.trust, self.spec.reserve) {
            (_, Some(_)) => "presale-reserve",
            (Trust::Never, None) => "presale-net",
            (Trust::Earned | Trust::Always, None) => "presale",
        }
    }

    fn setting(&self) -> String {
        format!("level {}", self.spec.level.get())
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let second = sight.now.as_second();
        if let Some(scrape) = sight.scrape {
            self.ticks.push(scrape.load);
            self.last = Some(scrape);
        }
        self.live.push_back(sight.scrape.map_or(Sample::Missing, |scrape| Sample::from_raw(scrape.load)));
        self.live.drain(..self.live.len().saturating_sub(TICKS));
        if second - self.minutes_end >= 60 {
            self.minute(second);
            let due = self.trained_at == i64::MIN || second - self.trained_at >= REFIT;
            if due && self.spec.trust != Trust::Never {
                self.train(sight);
            }
            self.predict(sight.now);
        }
        self.promotions = self.floors(sight.now);
        self.plan(sight)
    }

    fn reserve(&self) -> Option<u32> {
        self.spec.reserve.map(|_| self.wanted)
    }

    /// Decides again where more arrives, or waits, than what is ready serves and warm replicas could come back.
    fn glance(&mut self, sight: &Sight<'_>, glance: Glance) -> Option<u32> {
        self.fast.push(glance.seconds, glance.requests);
        self.waiting = glance.waiting;
        let more = self.live_load()? > f64::from(sight.ready) * self.spec.capacity;
        (more && sight.warm > 0).then(|| self.plan(sight))
    }
}
