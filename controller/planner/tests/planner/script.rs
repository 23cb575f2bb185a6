//! Scenario scripts: a few lines of text become inputs minute by minute; pods become ready after the lead time.
//!
//! ```text
//! # what happens, in a sentence
//! service capacity=50 lead=3m from=07:00 to=08:00 start=2      (replicas at the start)
//! policy min=2 max=20 down=10m pods-up=4/1m mode=Recommend pin=5
//! load 07:00=100 07:30=100 07:40=600                            (straight lines between the points)
//! forecast 1.1                                                  (the load's own path times this; left out = none)
//! promotion flash from=07:20 start=07:33 end=07:50 floor=12 ceiling=15
//! lost 07:10..07:20                                             (Prometheus answers nothing)
//! hand 07:15=9                                                  (somebody scales by hand)
//! ```

use std::collections::VecDeque;
use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use presale_models::{LEVELS, QuantileForecast, Reading, Sample, Series};
use presale_planner::{
    Behavior, Decision, ForecastInput, HandScaled, Memory, Mode, PlanInput, Policy, PromotionFloor, Recommendation,
    ReplicaCounts, Saturation, Select, StepLimit, Trust, decide,
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A parsed script.
pub(crate) struct Script {
    policy: Policy,
    capacity: f64,
    lead: SignedDuration,
    from: Timestamp,
    to: Timestamp,
    current: u32,
    load: Vec<(Timestamp, f64)>,
    forecast: Option<f64>,
    promotions: Vec<PromotionFloor>,
    lost: Vec<(Timestamp, Timestamp)>,
    hands: Vec<(Timestamp, u32)>,
}

fn time(text: &str) -> Timestamp {
    format!("2026-11-27T{text}:00Z").parse().unwrap()
}

fn duration(text: &str) -> SignedDuration {
    text.parse().unwrap()
}

/// `key=value` words of a line.
fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split_whitespace().filter_map(|word| word.split_once('='))
}

impl Script {
    /// Reads a script; an unknown word fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        let free = Behavior { stabilization: None, limits: vec![], select: Select::Max };
        let mut script = Self {
            policy: Policy {
                min: 1,
                max: 20,
                fixed: None,
                mode: Mode::Auto,
                level: LEVELS[5],
                trust: Trust::Earned,
                up: free.clone(),
                down: free,
                paused_out: false,
                paused_in: false,
                hand_hold: SignedDuration::from_mins(15),
            },
            capacity: 50.0,
            lead: duration("3m"),
            from: time("00:00"),
            to: time("00:00"),
            current: 1,
            load: vec![],
            forecast: None,
            promotions: vec![],
            lost: vec![],
            hands: vec![],
        };
        for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap();
            script.line(word, rest);
        }
        script
    }

    fn line(&mut self, word: &str, rest: &str) {
        match word {
            "service" => pairs(rest).for_each(|(key, value)| self.service(key, value)),
            "policy" => pairs(rest).for_each(|(key, value)| self.policy(key, value)),
            "load" => self.load = pairs(rest).map(|(t, y)| (time(t), y.parse().unwrap())).collect(),
            "forecast" => self.forecast = Some(rest.trim().parse().unwrap()),
            "promotion" => self.promotions.push(promotion(rest)),
            "lost" => self.lost.push(rest.trim().split_once("..").map(|(a, b)| (time(a), time(b))).unwrap()),
            "hand" => self.hands.extend(pairs(rest).map(|(t, n)| (time(t), n.parse::<u32>().unwrap()))),
            other => panic!("a script has no line {other:?}"),
        }
    }

    fn service(&mut self, key: &str, value: &str) {
        match key {
            "capacity" => self.capacity = value.parse().unwrap(),
            "lead" => self.lead = duration(value),
            "from" => self.from = time(value),
            "to" => self.to = time(value),
            "start" => self.current = value.parse().unwrap(),
            other => panic!("service has no {other:?}"),
        }
    }

    fn policy(&mut self, key: &str, value: &str) {
        let limit = |value: &str| {
            let (value, period) = value.split_once('/').unwrap();
            StepLimit::Pods { value: value.parse().unwrap(), period: duration(period) }
        };
        match key {
            "min" => self.policy.min = value.parse().unwrap(),
            "max" => self.policy.max = value.parse().unwrap(),
            "pin" => self.policy.fixed = Some(value.parse().unwrap()),
            "down" => self.policy.down.stabilization = Some(duration(value)),
            "up" => self.policy.up.stabilization = Some(duration(value)),
            "pods-up" => self.policy.up.limits.push(limit(value)),
            "pods-down" => self.policy.down.limits.push(limit(value)),
            "mode" => self.policy.mode = if value == "Recommend" { Mode::Recommend } else { Mode::Paused },
            other => panic!("policy has no {other:?}"),
        }
    }

    /// Load at `t`, on straight lines between the points.
    fn load_at(&self, t: Timestamp) -> f64 {
        let after = self.load.iter().position(|(at, _)| *at > t).unwrap_or(self.load.len());
        match (after.checked_sub(1).map(|i| self.load[i]), self.load.get(after)) {
            (Some((t0, y0)), Some((t1, y1))) => {
                y0 + (y1 - y0) * t.duration_since(t0).as_secs_f64() / t1.duration_since(t0).as_secs_f64()
            }
            (Some((_, y)), None) => y,
            (None, _) => self.load[0].1,
        }
    }

    /// The maximum that a decision at each minute must serve.
    fn forecast(&self, now: Timestamp) -> ForecastInput {
        let Some(margin) = self.forecast else {
            return ForecastInput::Unavailable { reason: "not_enough_history".into() };
        };
        let lead = i32::try_from(self.lead.as_secs() / 60).unwrap();
        let rows = (0..90).map(|i| {
            let peak = (lead..=lead + 2).map(|m| self.load_at(now + MINUTE * (i + m))).fold(0.0, f64::max);
            [peak * margin; LEVELS.len()]
        });
        let maximum = QuantileForecast::new(now, MINUTE, rows.collect()).unwrap();
        ForecastInput::Available { maximum, trusted: true, data_until: now, bursty: false }
    }

    fn input(&self, now: Timestamp, replicas: ReplicaCounts, memory: &Memory) -> PlanInput {
        let lost = self.lost.iter().any(|(a, b)| *a <= now && now < *b);
        let value = self.load_at(now);
        let recent = (0..15).rev().map(|m| Sample::Value(self.load_at(now - MINUTE * m))).collect();
        let hand = self.hands.iter().rev().find(|(at, _)| *at <= now);
        PlanInput {
            now,
            policy: self.policy.clone(),
            replicas,
            load: if lost { Reading::Empty } else { Reading::Fresh { value, at: now } },
            recent: Series::new(now - MINUTE * 14, MINUTE, if lost { vec![] } else { recent }).unwrap(),
            saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
            forecast: self.forecast(now),
            capacity_p10: Some(self.capacity),
            capacity_p50: Some(self.capacity),
            lead_time: self.lead,
            promotions: self.promotions.clone(),
            history: memory.history.clone(),
            changes: memory.changes.clone(),
            hand_scaled: hand.map(|(at, replicas)| HandScaled { replicas: *replicas, at: *at }),
            conflict: None,
            reserve: None,
        }
    }

    /// Plays the script and writes a line wherever the decision changes.
    pub(crate) fn play(&self) -> String {
        let (mut memory, mut current, mut now) = (Memory::default(), self.current, self.from);
        let mut starting: VecDeque<Timestamp> = VecDeque::new();
        let mut out = String::from("time   load  ready  decision\n");
        let mut before: Option<Decision> = None;
        while now <= self.to {
            starting.retain(|ready_at| *ready_at > now);
            if let Some((_, by_hand)) = self.hands.iter().find(|(at, _)| *at == now) {
                current = *by_hand;
            }
            starting.truncate(usize::try_from(current).unwrap());
            let unready = u32::try_from(starting.len()).unwrap();
            let replicas = ReplicaCounts { current, ready: current - unready, starting: unready };
            let decision = decide(&self.input(now, replicas, &memory));
            memory.remember(&decision, decision.write, &self.policy);
            let same = before.as_ref().is_some_and(|b| {
                (b.outcome, b.reason, b.desired) == (decision.outcome, decision.reason, decision.desired)
            });
            if !same {
                self.line_of(&mut out, &decision, replicas);
            }
            if decision.write {
                let added = decision.desired.saturating_sub(current);
                starting.extend((0..added).map(|_| now + self.lead));
                current = decision.desired;
            }
            before = Some(decision);
            now += MINUTE;
        }
        out
    }

    fn line_of(&self, out: &mut String, decision: &Decision, replicas: ReplicaCounts) {
        let load = self.load_at(decision.at);
        let next = decision.next.as_ref().map_or(String::new(), |n| {
            format!(" [next {} @{} {}]", n.replicas, n.at.strftime("%H:%M"), n.reason.as_str())
        });
        let time = decision.at.strftime("%H:%M");
        let (ready, outcome) = (replicas.ready, decision.outcome.as_str());
        writeln!(out, "{time} {load:>6.0}  {ready:>5}  {outcome}: {}{next}", decision.message).unwrap();
    }
}

fn promotion(rest: &str) -> PromotionFloor {
    let name = rest.split_whitespace().next().unwrap().to_owned();
    let get = |key: &str| pairs(rest).find(|(k, _)| *k == key).map(|(_, value)| value);
    let [from, starts, ends] = ["from", "start", "end"].map(|key| time(get(key).unwrap()));
    let floors = get("floor").map(|n| Recommendation { at: from, replicas: n.parse().unwrap() });
    PromotionFloor {
        name,
        from,
        until: ends,
        starts,
        ends,
        floors: floors.into_iter().collect(),
        ceiling: get("ceiling").map(|n| n.parse().unwrap()),
    }
}
