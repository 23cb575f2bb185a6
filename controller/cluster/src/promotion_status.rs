//! A PromotionEvent's status: phase, occurrences with their plan, and what was learned; its memory outlives the operator.

use presale_crds::{PromotionEvent, PromotionEventStatus};

use crate::Error;
use crate::status::{told, write};
use crate::write::Writer;

/// Whether `new` differs from `old` in anything but the times of conditions. Plans and phases move by steps, and what was
/// observed is written once: nothing here ages.
pub fn is_due(old: Option<&PromotionEventStatus>, new: &PromotionEventStatus) -> bool {
    old.is_none_or(|old| {
        let plain = |status: &PromotionEventStatus| (status.observed_generation, status.phase);
        plain(old) != plain(new) || old.occurrences != new.occurrences || told(&old.conditions) != told(&new.conditions)
    })
}

/// Writes the status if it is due; says whether it did.
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`] or [`Error::Api`] (404: the PromotionEvent is gone).
pub async fn write_promotion_status(
    writer: &Writer,
    event: &PromotionEvent,
    status: &PromotionEventStatus,
) -> Result<bool, Error> {
    if !is_due(event.status.as_ref(), status) {
        return Ok(false);
    }
    write(writer, event, status).await.map(|()| true)
}
