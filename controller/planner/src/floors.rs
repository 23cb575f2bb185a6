//! The three floors under a decision: what the forecast, the live load and the promotions each ask for.

pub(crate) mod forecast;
pub(crate) mod promotion;
pub(crate) mod reactive;

use crate::{Reason, facts::Facts};

/// Replicas that each term asks for, before any clamp; `None` = the term has no say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floors {
    /// For the forecast that may act.
    pub(crate) forecast: Option<u32>,
    /// For the forecast, whether or not it may act; shown only.
    pub(crate) forecast_shown: Option<u32>,
    /// For the live load.
    pub(crate) reactive: Option<u32>,
    /// For promotions in force.
    pub(crate) promotion: Option<u32>,
}

impl Floors {
    /// Asks each term.
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        Self {
            forecast: facts.forecast.and_then(|f| forecast::floor(facts, f)),
            forecast_shown: facts.shown_forecast().and_then(|f| forecast::floor(facts, f)),
            reactive: reactive::floor(facts),
            promotion: promotion::floor(facts),
        }
    }

    /// The highest floor and its term; on a tie the live load wins, then the promotion.
    pub(crate) fn highest(&self) -> (u32, Reason) {
        let mut best = (self.reactive.unwrap_or(0), Reason::Reactive);
        for (floor, reason) in [(self.promotion, Reason::Promotion), (self.forecast, Reason::Forecast)] {
            if let Some(n) = floor.filter(|n| *n > best.0) {
                best = (n, reason);
            }
        }
        best
    }
}
