//! A replica whose CPU is limited: what one period of its limit leaves to the next, and when a request's turn comes.
//!
//! **Source**: Lindley (1952), with work that is cheaper in a row than alone.

use crate::work::Work;

/// What has moved less has settled.
const SETTLED: f64 = 1e-7;
/// Periods at most until then.
const SETTLES: usize = 5_000;

/// A limit, in cells of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Done in a period.
    pub(crate) share: usize,
    /// Carried over at most.
    pub(crate) most: usize,
    /// What a request costs alone, over one in a row.
    pub(crate) idle_cost: f64,
}

impl Limit {
    /// Work beyond a period's share of what came alone; it will be done in a row.
    fn beyond(&self, carried: usize, come: usize) -> f64 {
        (carried + come).saturating_sub(self.share) as f64 / self.idle_cost
    }

    /// Probability that a request's turn comes in this period, the next, and so on, with the mean place among the cells of
    /// that period; `alone` and `in_a_row` are the work that came before it and its own.
    pub(crate) fn places(&self, carried: &Work, alone: &Work, in_a_row: &Work) -> Vec<(f64, f64)> {
        let mut places = vec![(0.0, 0.0)];
        let mut add = |periods: usize, inside: f64, share: f64| {
            if places.len() <= periods {
                places.resize(periods + 1, (0.0, 0.0));
            }
            places[periods].0 += share;
            places[periods].1 += share * inside;
        };
        for (already, probability) in carried.iter().enumerate() {
            let rests = already >= self.share;
            for (cells, share) in if rests { in_a_row } else { alone }.iter().enumerate() {
                let share = share * probability;
                if !rests && already + cells <= self.share {
                    add(0, 0.0, share);
                    continue;
                }
                let place = if rests { (already - self.share + cells) as f64 } else { self.beyond(already, cells) };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some periods")]
                let periods = (place / self.share as f64) as usize;
                add(periods + 1, place - (periods * self.share) as f64, share);
            }
        }
        places.into_iter().map(|(share, inside)| (share, inside / share.max(f64::MIN_POSITIVE))).collect()
    }
}

/// What a period leaves to the next in the long run, by the work that comes in one: while the replica rests, and else.
pub(crate) fn carried(limit: &Limit, alone: &Work, in_a_row: &Work) -> Work {
    let mut carried = vec![1.0];
    for _ in 0..SETTLES {
        let mut next = vec![0.0; limit.most + 2];
        for (already, probability) in carried.iter().enumerate().filter(|(_, probability)| **probability > 0.0) {
            if already >= limit.share {
                for (cells, share) in in_a_row.iter().enumerate() {
                    next[(already - limit.share + cells).min(limit.most)] += probability * share;
                }
                continue;
            }
            for (cells, share) in alone.iter().enumerate() {
                let left = limit.beyond(already, cells).min(limit.most as f64);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the queue")]
                let whole = left as usize;
                let part = left - whole as f64;
                next[whole] += probability * share * (1.0 - part);
                next[whole + 1] += probability * share * part;
            }
        }
        while next.len() > 1 && next.last().is_some_and(|last| *last < 1e-12) {
            next.pop();
        }
        let longest = next.len().max(carried.len());
        let at = |work: &Work, cell: usize| work.get(cell).copied().unwrap_or(0.0);
        let moved: f64 = (0..longest).map(|cell| (at(&next, cell) - at(&carried, cell)).abs()).sum();
        carried = next;
        if moved < SETTLED {
            break;
        }
    }
    carried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{LogNormal, compound};

    fn come(requests: f64, cost: f64) -> Work {
        compound(requests, &LogNormal::new(cost, 0.5).on_grid(0.125))
    }

    #[test]
    fn what_is_carried_over_is_little_at_low_load_and_the_bound_when_there_is_too_much() {
        let limit = Limit { share: 40, most: 400, idle_cost: 1.0 };
        let quiet = carried(&limit, &come(1.0, 1.0), &come(1.0, 1.0));
        assert!(quiet[0] > 0.98, "{}", quiet[0]);
        let flooded = carried(&limit, &come(10.0, 1.0), &come(10.0, 1.0));
        let mean: f64 = flooded.iter().enumerate().map(|(cells, p)| cells as f64 * p).sum();
        assert!(mean > 350.0 && flooded.len() <= 401, "{mean}");
        let none = carried(&Limit { most: 0, ..limit }, &come(10.0, 1.0), &come(10.0, 1.0));
        assert!((none[0] - 1.0).abs() < 1e-9, "{none:?}");
    }

    #[test]
    fn a_turn_comes_at_once_while_the_share_lasts_and_later_in_order() {
        let limit = Limit { share: 40, most: 400, idle_cost: 2.0 };
        let exactly = |cells: usize| (0..=cells).map(|cell| f64::from(u8::from(cell == cells))).collect::<Work>();
        let one = exactly(8);
        assert_eq!(limit.places(&exactly(0), &exactly(40), &one), [(1.0, 0.0)]);
        assert_eq!(limit.places(&exactly(20), &exactly(30), &one), [(0.0, 0.0), (1.0, 5.0)]);
        assert_eq!(limit.places(&exactly(90), &exactly(16), &one), [(0.0, 0.0), (0.0, 0.0), (1.0, 18.0)]);
    }
}
