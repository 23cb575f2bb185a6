//! What happens between two trainings: minutes become steps, forecasts wait for their outcomes, offsets and trust follow.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::calibration::Conformal;
use crate::ensemble::Q;
use crate::event::Effect;
use crate::grid::{exp, log};
use crate::ladder::Ladder;
use crate::outlook::Outlook;
use crate::score::trust::Trust;

/// Forecasts that wait, at most; beyond it the oldest is forgotten.
const MOST_WAITING: usize = 40;
/// Horizons in steps whose forecasts are scored live.
const SCORED: [usize; 2] = [3, 12];

/// Live state beside the fitted ladders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Live {
    /// Running scores.
    pub(crate) trust: Trust,
    /// End of the newest minute.
    pub(crate) seen_until: i64,
    scale: f64,
    sum: f64,
    minutes: u32,
    waiting: VecDeque<Waiting>,
    waiting_fine: VecDeque<(i64, [f32; Q])>,
    last_minutes: VecDeque<f32>,
    event: Conformal,
}

/// A forecast of one step that waits for its outcome, in log space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    step: i64,
    head: u8,
    row: [f32; Q],
    naive: [f32; Q],
}

impl Live {
    /// Nothing seen since the training.
    pub(crate) fn new(coarse: &Ladder, scale: f64) -> Self {
        Self {
            scale,
            trust: Trust::default(),
            seen_until: coarse.end,
            sum: 0.0,
            minutes: 0,
            waiting: VecDeque::new(),
            waiting_fine: VecDeque::new(),
            last_minutes: VecDeque::new(),
            event: Conformal::new(12.0),
        }
    }

    /// Applies what is expected of an event, and the offsets that lasting events have earned; nothing in normal times.
    pub(crate) fn adjust(&self, row: &mut [f64; Q], effect: Option<Effect>) {
        if let Some(effect) = effect {
            effect.factor.apply(row);
            if effect.lasting {
                self.event.apply(row);
            }
        }
    }

    /// Adds a minute to the step that it lies in; a full step goes into the coarse ladder and settles what waits for it.
    pub(crate) fn minute(&mut self, minute: (i64, Option<f64>), coarse: &mut Ladder, outlook: &Outlook, event: bool) {
        let (at, y) = minute;
        if at < coarse.end {
            return;
        }
        while at >= coarse.end + coarse.step {
            self.close(coarse, outlook, event);
        }
        if let Some(y) = y {
            self.sum += y;
            self.minutes += 1;
        }
        self.seen_until = self.seen_until.max(at + 60);
        if at + 60 >= coarse.end + coarse.step {
            self.close(coarse, outlook, event);
        }
    }

    fn close(&mut self, coarse: &mut Ladder, outlook: &Outlook, event: bool) {
        let enough = u32::try_from(coarse.step / 120).unwrap_or(1).max(1);
        let z = if self.minutes >= enough { log(self.sum / f64::from(self.minutes), self.scale) } else { f64::NAN };
        (self.sum, self.minutes) = (0.0, 0);
        let step = coarse.end;
        coarse.observe(z, outlook);
        while self.waiting.front().is_some_and(|w| w.step < step) {
            self.waiting.pop_front();
        }
        let due: Vec<Waiting> = self.waiting.iter().filter(|w| w.step == step).cloned().collect();
        self.waiting.retain(|w| w.step != step);
        if z.is_finite() {
            for waiting in &due {
                self.settle(waiting, z, coarse, event);
            }
        }
        self.issue(coarse, outlook);
    }

    fn settle(&mut self, waiting: &Waiting, z: f64, coarse: &mut Ladder, event: bool) {
        let (row, naive) = (waiting.row.map(f64::from), waiting.naive.map(f64::from));
        if event {
            self.event.learn(z, &row);
            return;
        }
        let image = |row: [f64; Q]| row.map(|z| exp(z, self.scale));
        let (row, naive, actual) = (image(row), image(naive), exp(z, self.scale));
        self.trust.score(actual, &row, &naive);
        if let Some(head) = coarse.heads.get_mut(usize::from(waiting.head)) {
            head.conformal.learn(z, &waiting.row.map(f64::from));
        }
    }

    fn issue(&mut self, coarse: &Ladder, outlook: &Outlook) {
        for (index, head) in coarse.heads.iter().enumerate().filter(|(_, h)| SCORED.contains(&h.horizon)) {
            let ask = coarse.ask(head.horizon as f64, outlook);
            let mut row = head.row(&ask);
            head.conformal.apply(&mut row);
            let ahead = i64::try_from(head.horizon).unwrap_or(1) - 1;
            self.waiting.push_back(Waiting {
                step: coarse.end + ahead * coarse.step,
                head: u8::try_from(index).unwrap_or(0),
                row: single(row),
                naive: single(head.naive(&ask)),
            });
        }
        self.waiting.make_contiguous().sort_by_key(|w| w.step);
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
    }

    /// Forecasts the decision's own maximum with the minutes' first head, before the minute at `at` is known.
    pub(crate) fn issue_fine(&mut self, fine: &Ladder, outlook: &Outlook, at: i64) {
        if let Some(head) = fine.heads.first().filter(|_| at == fine.end) {
            let mut row = head.row(&fine.ask(head.horizon as f64, outlook));
            head.conformal.apply(&mut row);
            let ahead = i64::try_from(head.horizon - 1 + fine.window).unwrap_or(1);
            self.waiting_fine.push_back((fine.end + ahead * fine.step, single(row)));
            while self.waiting_fine.len() > MOST_WAITING {
                self.waiting_fine.pop_front();
            }
        }
    }

    /// Settles the decision forecasts whose window ended with the minute at `at`.
    pub(crate) fn mature_fine(&mut self, fine: &mut Ladder, at: i64, z: f64) {
        self.last_minutes.push_back(single([z; Q])[0]);
        while self.last_minutes.len() > fine.window {
            self.last_minutes.pop_front();
        }
        while self.waiting_fine.front().is_some_and(|(due, _)| *due <= at + fine.step) {
            let Some((due, row)) = self.waiting_fine.pop_front() else { break };
            let known = self.last_minutes.len() == fine.window && self.last_minutes.iter().all(|z| z.is_finite());
            if due == at + fine.step && known {
                let highest = self.last_minutes.iter().copied().fold(0.0, f32::max);
                if let Some(head) = fine.heads.first_mut() {
                    head.conformal.learn(f64::from(highest), &row.map(f64::from));
                }
            }
        }
    }
}

fn single(row: [f64; Q]) -> [f32; Q] {
    #[expect(clippy::cast_possible_truncation, reason = "a waiting forecast needs no eighth digit")]
    let narrow = row.map(|v| v as f32);
    narrow
}
