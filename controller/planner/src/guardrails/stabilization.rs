//! Stabilization windows with the meaning of `autoscaling/v2`: going up the lowest wish of the window wins, going down
//! the highest.
//!
//! **Source**: `stabilizeRecommendationWithBehaviors` in Kubernetes' `podautoscaler/horizontal.go`.

use jiff::{SignedDuration, Timestamp};

use crate::{Reason, Recommendation, course::Course, facts::Facts, floors::Floors, guardrails::descent};

/// Window going down where none is stated and no trusted forecast tells when it is safe.
const BLIND_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Shortest window going down where none is stated: shorter ones follow the noise of the load.
const LEAST_WINDOW: SignedDuration = SignedDuration::from_mins(3);

/// Applies both windows to the wish. A promotion's floor is planned, not noise: it does not wait for the window up.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>, floors: &Floors) {
    let wish = course.count;
    let history = &facts.input.history;
    let up = facts.input.policy.up.stabilization.unwrap_or(SignedDuration::ZERO);
    let down = down_window(facts);
    let planned = floors.promotion.unwrap_or(0).min(wish);
    let low = within(history, facts.now, up).fold(wish, u32::min).max(planned);
    let mut high = within(history, facts.now, down).fold(wish, u32::max);
    if !covered(history, facts.now, down) {
        high = high.max(facts.current);
    }
    course.to(facts.current.max(low).min(high), Reason::Stabilization);
}

/// The stated window, else the lead time while a trusted forecast covers the descent (the wishes of the last lead time
/// are the ones that planned for the load between now and then), else ten minutes.
fn down_window(facts: &Facts<'_>) -> SignedDuration {
    facts.input.policy.down.stabilization.unwrap_or_else(|| {
        if descent::foreseen(facts, 1.0).is_some() {
            facts.lead.clamp(LEAST_WINDOW, BLIND_WINDOW)
        } else {
            BLIND_WINDOW
        }
    })
}

/// Wishes of the window. Wishes of the future (the clock was set back) are not in it.
fn within(history: &[Recommendation], now: Timestamp, window: SignedDuration) -> impl Iterator<Item = u32> {
    history
        .iter()
        .filter(move |r| (SignedDuration::ZERO..window).contains(&now.duration_since(r.at)))
        .map(|r| r.replicas)
}

/// Whether the history reaches back over the whole window.
fn covered(history: &[Recommendation], now: Timestamp, window: SignedDuration) -> bool {
    window <= SignedDuration::ZERO || history.iter().any(|r| now.duration_since(r.at) >= window)
}
