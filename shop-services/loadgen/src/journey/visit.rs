//! Who comes when: a pure function of the preset, the seed and the second, so that every run replays exactly.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::journey::preset::{Journey, Preset};
use crate::session::{count, mood};

/// One visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit {
    /// When it is meant to begin, seconds since the start of the run.
    pub at: f64,
    /// What for.
    pub journey: Journey,
    /// Whether a sale is on.
    pub sale: bool,
    /// Different for every visit: address and random choices follow from it.
    pub number: u64,
}

/// The model of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrivals {
    /// The kind of day.
    pub preset: Preset,
    /// Visitors per second on an ordinary day, robots not counted.
    pub rate: f64,
    /// Length of the run, seconds; the whole preset is played in it.
    pub duration: f64,
    /// Coefficient of variation of the minutes around the model.
    pub variation: f64,
    /// The same seed brings the same visits.
    pub seed: u64,
}

impl Arrivals {
    /// Visits that begin in this second of the run, in order.
    pub fn second(&self, second: u32) -> Vec<Visit> {
        let minute = self.minute(f64::from(second) + 0.5);
        let mood = mood(self.variation, &mut self.stream(u64::from(second / 60) << 32));
        let mut rng = self.stream(u64::from(second));
        let mut visits = Vec::new();
        for (journey, share) in self.preset.arrivals(minute) {
            for _ in 0..count(self.rate * share * mood, &mut rng) {
                let (at, number) = (f64::from(second) + rng.random::<f64>(), rng.random());
                visits.push(Visit { at, journey, sale: self.preset.sale(minute), number });
            }
        }
        visits.retain(|visit| visit.at < self.duration);
        visits.sort_by(|a, b| a.at.total_cmp(&b.at));
        visits
    }

    /// Visitors per second that the model means, people and robots.
    pub fn total(&self, second: f64) -> f64 {
        self.preset.arrivals(self.minute(second)).iter().map(|(_, share)| share * self.rate).sum()
    }

    /// The minute of the preset that is played at this second of the run.
    fn minute(&self, second: f64) -> f64 {
        second / self.duration * self.preset.minutes()
    }

    fn stream(&self, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(number);
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLASH: Arrivals = Arrivals { preset: Preset::Flash, rate: 20.0, duration: 300.0, variation: 0.0, seed: 3 };

    #[test]
    fn a_second_replays_exactly_in_order_and_its_numbers_are_different() {
        let visits = FLASH.second(120);
        assert_eq!(visits, FLASH.second(120));
        assert!(visits.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].number != pair[1].number));
        assert!(visits.iter().all(|visit| (120.0..121.0).contains(&visit.at)));
    }

    #[test]
    fn a_short_run_plays_the_whole_day() {
        let buyers = |from: u32| {
            let seconds = (from..from + 20).flat_map(|second| FLASH.second(second));
            seconds.filter(|visit| visit.journey == Journey::Buy).count()
        };
        // The sale opens after a third: thirty percent of ten times as many buy, instead of three of one.
        let (before, open, after) = (buyers(60), buyers(105), buyers(270));
        assert!(before < 40 && open > 700 && after < open / 2, "{before} {open} {after}");
    }
}
