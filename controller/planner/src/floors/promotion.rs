//! Replicas that promotions ask for; planned beforehand, so no live signal is needed.

use jiff::Timestamp;

use crate::{PlanInput, PromotionFloor, facts::Facts};

/// Highest floor of the promotions in force now; `None` if none has one. Overlaps take the maximum, never the product.
pub(crate) fn floor(facts: &Facts<'_>) -> Option<u32> {
    at(facts.input, facts.now)
}

/// The same floor at `t`.
pub(crate) fn at(input: &PlanInput, t: Timestamp) -> Option<u32> {
    input.promotions.iter().filter_map(|p| of_one(p, t)).max()
}

/// Highest floor at any time in `[from, to]`; `None` if there is none.
pub(crate) fn highest(input: &PlanInput, from: Timestamp, to: Timestamp) -> Option<u32> {
    let inside = input.promotions.iter().flat_map(steps).filter(|t| *t > from && *t <= to).filter_map(|t| at(input, t));
    at(input, from).into_iter().chain(inside).max()
}

/// Lowest ceiling of the promotions in force at `t`; `None` if none states one.
pub(crate) fn ceiling(input: &PlanInput, t: Timestamp) -> Option<u32> {
    input.promotions.iter().filter(|p| p.from <= t && t < p.until).filter_map(|p| p.ceiling).min()
}

/// Times at which any promotion's floor may change.
pub(crate) fn steps(promotion: &PromotionFloor) -> impl Iterator<Item = Timestamp> {
    promotion.floors.iter().map(|f| f.at).chain([promotion.from, promotion.until])
}

fn of_one(promotion: &PromotionFloor, t: Timestamp) -> Option<u32> {
    if t < promotion.from || t >= promotion.until {
        return None;
    }
    promotion.floors.iter().filter(|f| f.at <= t).max_by_key(|f| f.at).map(|f| f.replicas)
}
