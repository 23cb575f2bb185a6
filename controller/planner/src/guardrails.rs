//! What stands between the wish and the decision, in the order in which it is applied; each file is one rule.

pub(crate) mod bounds;
pub(crate) mod dead_band;
pub(crate) mod descent;
pub(crate) mod hand_scaled;
pub(crate) mod pin;
pub(crate) mod signal;
pub(crate) mod stabilization;
pub(crate) mod step_limit;
pub(crate) mod writing;
