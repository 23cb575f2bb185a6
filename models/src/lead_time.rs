//! How long it takes from the decision to a ready pod: the 95 % quantile of the last starts, pods still starting counted.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How many completed starts are remembered.
const REMEMBERED: usize = 50;
/// Starts that must be seen before the prior is left.
const ENOUGH: usize = 3;
/// The quantile that plans count on.
const LEVEL: f64 = 0.95;

/// What is assumed and allowed of a lead time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadTimeConfig {
    /// Taken until three starts were seen.
    pub prior: SignedDuration,
    /// Added to what pods need: scrape interval and control period.
    pub overhead: SignedDuration,
    /// Never shorter than this.
    pub least: SignedDuration,
    /// Never longer than this.
    pub most: SignedDuration,
}

impl Default for LeadTimeConfig {
    fn default() -> Self {
        Self {
            prior: SignedDuration::from_secs(120),
            overhead: SignedDuration::from_secs(30),
            least: SignedDuration::from_secs(15),
            most: SignedDuration::from_mins(30),
        }
    }
}

/// The lead time of one service, learned from its pods' starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadTime {
    config: LeadTimeConfig,
    /// Created → Ready of completed starts, seconds, oldest first.
    completed: VecDeque<f64>,
}

/// A lead time and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadTimeEstimate {
    /// Decision → ready pod, 95 % quantile.
    pub p95: SignedDuration,
    /// Completed starts behind it.
    pub seen: usize,
    /// Whether it was learned, or is still the prior.
    pub learned: bool,
}

impl LeadTime {
    /// Nothing seen yet.
    pub fn new(config: LeadTimeConfig) -> Self {
        Self { config, completed: VecDeque::new() }
    }

    /// Remembers a pod that became ready `took` after its creation; a negative duration is no start.
    pub fn started(&mut self, took: SignedDuration) {
        if took.is_negative() {
            return;
        }
        self.completed.push_back(took.as_secs_f64());
        while self.completed.len() > REMEMBERED {
            self.completed.pop_front();
        }
    }

    /// The 95 % quantile, with the ages of the pods that are starting right now: they will take at least that long.
    ///
    /// **Source**: product-limit estimate for right-censored times (Kaplan and Meier, 1958). Where it does not come down to
    /// 5 %, the longest time known so far is taken.
    ///
    /// # Example
    /// ```
    /// # use jiff::SignedDuration;
    /// # use presale_models::lead_time::{LeadTime, LeadTimeConfig};
    /// let mut lead = LeadTime::new(LeadTimeConfig::default());
    /// for seconds in [20, 22, 21, 25, 40] {
    ///     lead.started(SignedDuration::from_secs(seconds));
    /// }
    /// assert_eq!(lead.p95(&[]).p95, SignedDuration::from_secs(40 + 30));
    /// assert_eq!(lead.p95(&[SignedDuration::from_secs(90)]).p95, SignedDuration::from_secs(90 + 30));
    /// ```
    pub fn p95(&self, starting: &[SignedDuration]) -> LeadTimeEstimate {
        let seen = self.completed.len();
        let ages: Vec<f64> = starting.iter().map(SignedDuration::as_secs_f64).filter(|a| *a >= 0.0).collect();
        let learned = seen >= ENOUGH;
        let pods = if learned {
            kaplan_meier(self.completed.iter().copied(), &ages)
        } else {
            let longest = self.completed.iter().chain(&ages).copied().fold(0.0, f64::max);
            longest.max((self.config.prior - self.config.overhead).as_secs_f64())
        };
        let pods = SignedDuration::try_from_secs_f64(pods.ceil()).unwrap_or(self.config.most);
        let p95 = pods.saturating_add(self.config.overhead).min(self.config.most).max(self.config.least);
        LeadTimeEstimate { p95, seen, learned }
    }
}

/// Time by which 95 % of the starts are over.
fn kaplan_meier(completed: impl Iterator<Item = f64>, censored: &[f64]) -> f64 {
    let mut times: Vec<(f64, bool)> =
        completed.map(|t| (t, true)).chain(censored.iter().map(|t| (*t, false))).collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut at_risk = times.len() as f64;
    let mut unfinished = 1.0;
    for (time, over) in &times {
        if *over {
            unfinished *= 1.0 - 1.0 / at_risk;
            if unfinished <= 1.0 - LEVEL + 1e-9 {
                return *time;
            }
        }
        at_risk -= 1.0;
    }
    times.last().map_or(0.0, |(time, _)| *time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: i64) -> SignedDuration {
        SignedDuration::from_secs(s)
    }

    fn lead(starts: impl IntoIterator<Item = i64>) -> LeadTime {
        let config = LeadTimeConfig { overhead: SignedDuration::ZERO, ..LeadTimeConfig::default() };
        let mut lead = LeadTime::new(config);
        starts.into_iter().for_each(|s| lead.started(seconds(s)));
        lead
    }

    #[test]
    fn the_prior_holds_until_three_starts_were_seen() {
        assert_eq!(lead([]).p95(&[]).p95, seconds(120));
        assert!(!lead([3, 3]).p95(&[]).learned);
        assert_eq!(lead([3, 3, 3]).p95(&[]).p95, seconds(15), "and never below the least");
    }

    #[test]
    fn takes_the_95_percent_quantile_of_the_last_fifty() {
        assert_eq!(lead(1..=100).p95(&[]).p95, seconds(98));
    }

    #[test]
    fn one_stuck_pod_among_fifty_changes_nothing_and_many_do() {
        let lead = lead(std::iter::repeat_n(20, 50));
        assert_eq!(lead.p95(&[seconds(600)]).p95, seconds(20));
        assert_eq!(lead.p95(&[seconds(600); 10]).p95, seconds(600));
    }

    #[test]
    fn a_pod_that_starts_slower_than_the_prior_lengthens_it_at_once() {
        assert_eq!(lead([]).p95(&[seconds(300)]).p95, seconds(300));
        assert_eq!(lead([]).p95(&[seconds(3_000_000)]).p95, seconds(1_800));
    }
}
