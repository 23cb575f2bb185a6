//! Promotions raced on one recording: Presale that was told of them, Presale that was not, and every setting of the HPA, all
//! on the same arrivals.

use presale_models::EventWindow;
use serde::Serialize;

use crate::contest::{Contest, run_all};
use crate::outcome::{Inside, Outcome};
use crate::plant::Plant;
use crate::rush::{Rush, overlay, rushes};
use crate::simulate::Scenario;
use crate::trace::Trace;

/// Days of training, at most; half of a shorter recording.
const TRAIN: f64 = 14.0;
/// Days that are scored, at most.
const SCORED: f64 = 21.0;
const DAY: f64 = 86_400.0;
/// Replicas that the background's mean load needs.
const MEAN_REPLICAS: f64 = 10.0;
/// Presale that knows of no promotion.
pub const UNANNOUNCED: &str = "presale-unannounced";

/// One policy at one setting on one recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Stable name of the policy.
    pub policy: String,
    /// Position of its knob.
    pub setting: String,
    /// Replicas paid for over all of the scored time, in hours.
    pub replica_hours: f64,
    /// Requests that were dropped over those that were offered, over all of the scored time.
    pub unserved_ratio: f64,
    /// Inside of the promotions' announced windows.
    pub inside: Inside,
}

/// Every run on one recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Race {
    /// The recording.
    pub recording: String,
    /// Promotions put on it.
    pub promotions: usize,
    /// All runs: the oracle, Presale told and not told, the HPA at each setting.
    pub runs: Vec<Run>,
}

impl Race {
    /// The run of a policy without a knob.
    pub fn of(&self, policy: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.policy == policy)
    }
}

/// The recording with seeded promotions on its scored part; `None` where it is too short for one.
pub fn scenario(trace: &Trace, lead_seconds: f64, seed: u64) -> Option<(Scenario, Vec<Rush>)> {
    let first = *trace.seconds.first()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole days in seconds")]
    let (longest, train) = (((TRAIN + SCORED) * DAY) as i64, (TRAIN * DAY) as i64);
    let span = (trace.end().as_second() - first).min(longest);
    let seed = trace.name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let rushes = rushes(first + train.min(span / 2), first + span, seed);
    if rushes.is_empty() {
        return None;
    }
    let background = overlay(trace, span, &[]);
    let mean = background.values.iter().sum::<f64>() / background.values.len().max(1) as f64;
    let plant = Plant { lead_seconds, replica_capacity: (mean / MEAN_REPLICAS).max(1e-9), ..Plant::default() };
    let windows = rushes.iter().map(Rush::window).collect();
    Some((Scenario::cut(&overlay(trace, span, &rushes), windows, plant, TRAIN, seed)?, rushes))
}

/// Runs everyone.
pub fn race(scenario: &Scenario, rushes: &[Rush], progress: &(dyn Fn(f64) + Sync)) -> Race {
    let contest = |only: &[&str], sweep: bool| Contest {
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        sweep,
        ..Contest::default()
    };
    let told = Contest { promotions: rushes.iter().map(Rush::announced).collect(), ..contest(&["presale"], false) };
    // Presale learns of promotions by their announcement alone, not by the labels that they are scored by.
    let unlabelled = Scenario { events: Vec::<EventWindow>::new(), ..scenario.clone() };
    let mut entries = told.entries(&unlabelled);
    let unannounced = entries.len();
    entries.extend(contest(&["presale"], false).entries(&unlabelled));
    entries.extend(contest(&["oracle"], false).entries(scenario));
    entries.extend(contest(&["hpa", "hpa-behavior"], true).entries(scenario));
    let mut outcomes = run_all(entries, scenario, progress, &|_, _, _| ());
    if let Some(outcome) = outcomes.get_mut(unannounced) {
        UNANNOUNCED.clone_into(&mut outcome.policy);
    }
    let run = |o: Outcome| Run {
        policy: o.policy,
        setting: o.setting,
        replica_hours: o.replica_hours,
        unserved_ratio: o.unserved_ratio,
        inside: o.inside,
    };
    Race { recording: scenario.name.clone(), promotions: rushes.len(), runs: outcomes.into_iter().map(run).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve days of a daily wave with a little noise, every five minutes.
    fn wave() -> Trace {
        let seconds: Vec<i64> = (0..12 * 288).map(|i| 1_700_006_400 + 300 * i).collect();
        let value = |i: usize| {
            let noise = 1.0 + 0.03 * (i as f64 * 12.9898).sin();
            noise * (600.0 + 300.0 * (i as f64 / 288.0 * std::f64::consts::TAU).sin())
        };
        Trace { name: "wave".into(), values: (0..seconds.len()).map(value).collect(), seconds, step: 300 }
    }

    #[test]
    fn who_is_told_of_promotions_violates_less_inside_of_them() {
        let (scenario, rushes) = scenario(&wave(), 180.0, 3).unwrap();
        assert!(rushes.len() >= 2, "{}", rushes.len());
        let race = race(&scenario, &rushes, &|_| ());
        assert_eq!(race.runs.len(), 3 + 22);
        let violated = |policy: &str| race.of(policy).unwrap().inside.violated_minutes;
        let (told, untold, oracle) = (violated("presale"), violated(UNANNOUNCED), violated("oracle"));
        assert!(oracle <= told && 2 * told < untold, "{oracle} {told} {untold}");
        let minutes: i64 = rushes.iter().map(|rush| (rush.end - rush.start) / 60).sum();
        let counted = i64::from(race.runs[0].inside.minutes);
        assert!((counted - minutes).abs() <= i64::try_from(rushes.len()).unwrap(), "{counted} of {minutes}");
    }

    #[test]
    fn what_is_to_come_changes_no_decision() {
        let (honest, rushes) = scenario(&wave(), 180.0, 3).unwrap();
        let until = honest.loads.len() * 2 / 3;
        let mut tampered = honest.clone();
        tampered.loads[until..].iter_mut().for_each(|load| *load *= 5.0);
        tampered.recorded[until / honest.per_step + 1..].iter_mut().for_each(|load| *load *= 5.0);
        let told = Contest {
            only: vec!["presale".into()],
            promotions: rushes.iter().map(Rush::announced).collect(),
            ..Contest::default()
        };
        let decided = |scenario: &Scenario| {
            let mut desired = Vec::new();
            for mut policy in told.entries(&Scenario { events: Vec::new(), ..honest.clone() }) {
                scenario.run(policy.as_mut(), &mut |row| desired.push(row.desired));
            }
            desired
        };
        assert_eq!(decided(&honest)[..until], decided(&tampered)[..until]);
    }
}
