//! What the races over all recordings come to: everyone's violation minutes inside of promotions, and the HPA that a user
//! would have had to pick to do best.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::Inside;
use crate::rush_contest::{Race, Run};

/// Share of requests that may go unserved.
const ALLOWED: f64 = 0.001;

/// What makes an HPA setting the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Best {
    /// Fewest violation minutes inside of promotions among those that need no more replica-hours than Presale.
    NoDearer,
    /// Within a thousandth unserved on most recordings, the cheapest of those.
    Cheapest,
    /// Fewest violation minutes inside of promotions, whatever they cost.
    Fewest,
}

impl Best {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoDearer, Self::Cheapest, Self::Fewest];

    /// The criterion in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoDearer => "fewest violations at no more replica-hours than presale",
            Self::Cheapest => "within 0.1 % unserved on most recordings, the cheapest",
            Self::Fewest => "fewest violations at any cost",
        }
    }
}

/// Several runs added up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Sum {
    /// Runs, one per recording.
    pub recordings: usize,
    /// Runs within the allowed share of unserved requests.
    pub within_allowed: usize,
    /// Replicas paid for, in hours.
    pub replica_hours: f64,
    /// Mean share of unserved requests.
    pub unserved_ratio: f64,
    /// Inside of promotions.
    pub inside: Inside,
}

impl Sum {
    /// Adds up.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let mut sum = Self::default();
        for run in runs {
            sum.recordings += 1;
            sum.within_allowed += usize::from(run.unserved_ratio <= ALLOWED);
            sum.replica_hours += run.replica_hours;
            sum.unserved_ratio += run.unserved_ratio;
            sum.inside.minutes += run.inside.minutes;
            sum.inside.violated_minutes += run.inside.violated_minutes;
            sum.inside.offered += run.inside.offered;
            sum.inside.unserved += run.inside.unserved;
            sum.inside.replica_hours += run.inside.replica_hours;
        }
        sum.unserved_ratio /= sum.recordings.max(1) as f64;
        sum
    }

    fn better(&self, other: &Self, best: Best, ours: f64) -> bool {
        let by = |sum: &Self| match best {
            Best::NoDearer => (sum.replica_hours > ours, f64::from(sum.inside.violated_minutes)),
            Best::Cheapest => (false, -(sum.within_allowed as f64)),
            Best::Fewest => (false, f64::from(sum.inside.violated_minutes)),
        };
        let (a, b) = (by(self), by(other));
        // Where every setting is dearer than Presale, the cheapest comes nearest.
        let alike = a.0 && b.0;
        let order = if alike { std::cmp::Ordering::Equal } else { a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)) };
        order.then(self.replica_hours.total_cmp(&other.replica_hours)).is_lt()
    }
}

/// The one HPA setting for all recordings that is best.
pub fn one_setting(races: &[Race], best: Best) -> Option<(String, String)> {
    let ours = Sum::of(races.iter().filter_map(|race| race.of("presale"))).replica_hours;
    let mut settings: BTreeMap<(&str, &str), Vec<&Run>> = BTreeMap::new();
    for run in races.iter().flat_map(hpas) {
        settings.entry((&run.policy, &run.setting)).or_default().push(run);
    }
    let sums = settings.into_iter().map(|(key, runs)| (key, Sum::of(runs)));
    let best = sums.reduce(|a, b| if b.1.better(&a.1, best, ours) { b } else { a });
    best.map(|((policy, setting), _)| (policy.to_owned(), setting.to_owned()))
}

/// Runs of one policy at one setting.
pub fn at<'a>(races: &'a [Race], policy: &str, setting: &str) -> Vec<&'a Run> {
    races.iter().filter_map(|race| race.runs.iter().find(|r| r.policy == policy && r.setting == setting)).collect()
}

/// The best HPA run of one recording, picked in hindsight.
pub fn tuned(race: &Race, best: Best) -> Option<&Run> {
    let ours = race.of("presale")?.replica_hours;
    hpas(race).reduce(|a, b| if Sum::of([b]).better(&Sum::of([a]), best, ours) { b } else { a })
}

/// By how much fewer violation minutes one has than another inside of promotions; `None` where the other has none.
pub fn fewer(ours: &Sum, theirs: &Sum) -> Option<f64> {
    let (a, b) = (f64::from(ours.inside.violated_minutes), f64::from(theirs.inside.violated_minutes));
    (b > 0.0).then(|| 1.0 - a / b)
}

fn hpas(race: &Race) -> impl Iterator<Item = &Run> {
    race.runs.iter().filter(|run| run.policy.starts_with("hpa"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(policy: &str, setting: &str, replica_hours: f64, violated_minutes: u32, unserved_ratio: f64) -> Run {
        let inside = Inside { minutes: 100, violated_minutes, ..Inside::default() };
        Run { policy: policy.into(), setting: setting.into(), replica_hours, unserved_ratio, inside }
    }

    fn race(tight: u32) -> Race {
        let runs = vec![
            run("presale", "", 100.0, 4, 0.0),
            run("hpa", "0.40", 180.0, 8, 0.0001),
            run("hpa", "0.60", 120.0, 12, 0.0005),
            run("hpa", "0.80", 95.0, tight, 0.02),
            run("hpa", "0.90", 90.0, 40, 0.04),
        ];
        Race { recording: "a".into(), promotions: 1, runs }
    }

    #[test]
    fn the_best_setting_depends_on_what_it_may_cost() {
        let races = [race(30), race(20)];
        let setting = |best| one_setting(&races, best).unwrap().1;
        assert_eq!(setting(Best::NoDearer), "0.80");
        assert_eq!(setting(Best::Cheapest), "0.60");
        assert_eq!(setting(Best::Fewest), "0.40");
        let ours = Sum::of(races.iter().filter_map(|r| r.of("presale")));
        let theirs = Sum::of(at(&races, "hpa", "0.80"));
        assert!((fewer(&ours, &theirs).unwrap() - (1.0 - 8.0 / 50.0)).abs() < 1e-12);
        assert_eq!(fewer(&theirs, &Sum::default()), None);
    }

    #[test]
    fn where_all_settings_are_dearer_the_cheapest_stands_for_them() {
        let mut dear = race(30);
        dear.runs[0].replica_hours = 50.0;
        assert_eq!(tuned(&dear, Best::NoDearer).unwrap().setting, "0.90");
        assert_eq!(tuned(&race(30), Best::NoDearer).unwrap().setting, "0.80");
    }
}
