//! What comes next: a pure function of where an order is and how its step ended.
//!
//! Forward an order goes by `redeem, reserve, authorize, commit_stock, capture, confirm`. Capture is the pivot: before
//! it whatever was done is undone in reverse, after it money can only be given back.

use shop_contracts::event::{ORDER_CANCELLED, ORDER_CONFIRMED, ORDER_REFUNDED};
use shop_contracts::orders::OrderState;

/// One thing to do for an order; all but [`Confirm`](Step::Confirm) ask another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Pricing confirms the quote and takes its coupon.
    Redeem,
    /// Inventory sets the stock aside.
    Reserve,
    /// Payments sets the money aside.
    Authorize,
    /// Inventory gives the stock for good.
    CommitStock,
    /// Payments takes the money.
    Capture,
    /// The order is paid and can be shipped.
    Confirm,
    /// Payments gives up what it set aside.
    Void,
    /// Inventory takes back what it set aside or gave.
    Release,
    /// Payments gives the money back.
    Refund,
    /// Inventory takes back what was not shipped.
    Restock,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 10] = [
        Self::Redeem,
        Self::Reserve,
        Self::Authorize,
        Self::CommitStock,
        Self::Capture,
        Self::Confirm,
        Self::Void,
        Self::Release,
        Self::Refund,
        Self::Restock,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redeem => "redeem",
            Self::Reserve => "reserve",
            Self::Authorize => "authorize",
            Self::CommitStock => "commit_stock",
            Self::Capture => "capture",
            Self::Confirm => "confirm",
            Self::Void => "void",
            Self::Release => "release",
            Self::Refund => "refund",
            Self::Restock => "restock",
        }
    }

    /// Before the pivot: the customer may still change their mind.
    pub const fn can_be_cancelled(self) -> bool {
        matches!(self, Self::Redeem | Self::Reserve | Self::Authorize | Self::CommitStock)
    }
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What its customer sees.
    pub state: OrderState,
    /// What is at work.
    pub step: Step,
    /// How often the step was tried, this time included.
    pub attempts: u32,
    /// It costs nothing, so there is no payment.
    pub free: bool,
    /// It has left for the customer, so its stock does not come back.
    pub shipped: bool,
    /// The customer wants it cancelled.
    pub cancel_requested: bool,
}

/// How one try of a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It will not be done, and nothing has happened; the stable name of the reason.
    Refused(String),
    /// It is on its way, and whoever was asked knows it.
    Waiting(String),
    /// Nobody knows: neither success nor failure.
    Unknown(String),
    /// The answer does not fit to what was asked: a person must look.
    Contradiction(String),
}

impl Outcome {
    /// As it is written.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::Waiting(_) => "waiting",
            Self::Unknown(_) => "unknown",
            Self::Contradiction(_) => "contradiction",
        }
    }

    /// Its words, where it has some.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Refused(why) | Self::Waiting(why) | Self::Unknown(why) | Self::Contradiction(why) => Some(why),
        }
    }
}

/// What an order does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It goes on to another step.
    Go {
        /// What its customer sees.
        state: OrderState,
        /// What is to be done.
        step: Step,
        /// Why it turns back, where it does.
        reason: Option<String>,
    },
    /// It has come to one of its ends.
    End {
        /// Which.
        state: OrderState,
        /// The kind of event that tells of it.
        told: &'static str,
        /// Why, where it came to nothing.
        reason: Option<String>,
    },
    /// The same step is tried again, after a while.
    Again(String),
    /// A person should look; the step is tried again all the same, after a long while.
    Review(String),
}

/// Decides what an order does next; `most` tries without an answer give it to a person.
pub fn next(progress: Progress, outcome: Outcome, most: u32) -> Turn {
    match outcome {
        Outcome::Done => done(progress),
        Outcome::Refused(reason) => refused(progress, reason),
        Outcome::Contradiction(finding) => Turn::Review(finding),
        Outcome::Waiting(finding) | Outcome::Unknown(finding) => {
            if progress.state == OrderState::NeedsReview || progress.attempts >= most {
                Turn::Review(format!("{finding}, after {} attempts", progress.attempts))
            } else {
                Turn::Again(finding)
            }
        }
    }
}

/// The first step of giving the money of a confirmed or shipped order back.
pub const fn first_of_refund(free: bool, shipped: bool) -> Option<Step> {
    match (free, shipped) {
        (false, _) => Some(Step::Refund),
        (true, false) => Some(Step::Restock),
        (true, true) => None,
    }
}

fn done(progress: Progress) -> Turn {
    let Progress { step, free, shipped, cancel_requested, .. } = progress;
    if cancel_requested && step.can_be_cancelled() {
        return back(step, true, free, "cancelled-on-request".to_owned());
    }
    let go = |state, step| Turn::Go { state, step, reason: None };
    let end = |state, told| Turn::End { state, told, reason: None };
    match step {
        Step::Redeem => go(OrderState::Quoted, Step::Reserve),
        Step::Reserve if free => go(OrderState::Reserved, Step::CommitStock),
        Step::Reserve => go(OrderState::Reserved, Step::Authorize),
        Step::Authorize => go(OrderState::Authorized, Step::CommitStock),
        Step::CommitStock if free => go(OrderState::StockCommitted, Step::Confirm),
        Step::CommitStock => go(OrderState::StockCommitted, Step::Capture),
        Step::Capture => go(OrderState::Captured, Step::Confirm),
        Step::Confirm => end(OrderState::Confirmed, ORDER_CONFIRMED),
        Step::Void => go(OrderState::Cancelling, Step::Release),
        Step::Release => end(OrderState::Cancelled, ORDER_CANCELLED),
        Step::Refund if !shipped => go(OrderState::Refunding, Step::Restock),
        Step::Refund | Step::Restock => end(OrderState::Refunded, ORDER_REFUNDED),
    }
}

fn refused(progress: Progress, reason: String) -> Turn {
    match progress.step {
        Step::Redeem | Step::Reserve | Step::Authorize | Step::CommitStock | Step::Capture => {
            back(progress.step, false, progress.free, reason)
        }
        // What was done can always be undone; who says otherwise contradicts itself.
        step => Turn::Review(format!("{} was refused: {reason}", step.name())),
    }
}

/// Undoes what was done up to `step`, in reverse; a step that was refused has done nothing.
fn back(step: Step, done: bool, free: bool, reason: String) -> Turn {
    let money_aside = !free && matches!((step, done), (Step::Authorize, true) | (Step::CommitStock, _));
    let stock_aside = !matches!((step, done), (Step::Redeem, _) | (Step::Reserve, false));
    let go = |step, reason| Turn::Go { state: OrderState::Cancelling, step, reason: Some(reason) };
    if money_aside {
        go(Step::Void, reason)
    } else if stock_aside {
        go(Step::Release, reason)
    } else {
        Turn::End { state: OrderState::Cancelled, told: ORDER_CANCELLED, reason: Some(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: Step) -> Progress {
        let (free, shipped, cancel_requested) = (false, false, false);
        Progress { state: OrderState::Created, step, attempts: 1, free, shipped, cancel_requested }
    }

    /// The steps that an order takes when each one but `refusing` is done.
    fn path(start: Progress, refusing: Option<Step>) -> (Vec<Step>, OrderState) {
        let (mut progress, mut taken) = (start, vec![start.step]);
        for _ in 0..Step::ALL.len() {
            let refuses = refusing == Some(progress.step);
            let outcome = if refuses { Outcome::Refused("no".to_owned()) } else { Outcome::Done };
            match next(progress, outcome, 3) {
                Turn::Go { state, step, .. } => {
                    progress = Progress { state, step, ..progress };
                    taken.push(step);
                }
                Turn::End { state, .. } => return (taken, state),
                other => panic!("{progress:?} makes {other:?}"),
            }
        }
        panic!("{taken:?} has no end");
    }

    #[test]
    fn an_order_that_nobody_refuses_is_confirmed() {
        let (taken, end) = path(at(Step::Redeem), None);
        assert_eq!(taken, Step::ALL[..6]);
        assert_eq!(end, OrderState::Confirmed);
        let (taken, end) = path(Progress { free: true, ..at(Step::Redeem) }, None);
        assert_eq!(taken, [Step::Redeem, Step::Reserve, Step::CommitStock, Step::Confirm]);
        assert_eq!(end, OrderState::Confirmed);
    }

    #[test]
    fn what_was_done_is_undone_in_reverse_and_nothing_else() {
        for (refusing, undone) in [
            (Step::Redeem, &[][..]),
            (Step::Reserve, &[]),
            (Step::Authorize, &[Step::Release]),
            (Step::CommitStock, &[Step::Void, Step::Release]),
            (Step::Capture, &[Step::Release]),
        ] {
            let (taken, end) = path(at(Step::Redeem), Some(refusing));
            let turned = taken.iter().position(|step| *step == refusing).unwrap() + 1;
            assert_eq!(&taken[turned..], undone, "after {refusing:?} was refused");
            assert_eq!(end, OrderState::Cancelled);
        }
    }

    #[test]
    fn a_customer_may_cancel_until_the_money_is_being_taken() {
        for (step, undone) in [
            (Step::Redeem, &[][..]),
            (Step::Reserve, &[Step::Release]),
            (Step::Authorize, &[Step::Void, Step::Release]),
            (Step::CommitStock, &[Step::Void, Step::Release]),
        ] {
            let (taken, end) = path(Progress { cancel_requested: true, ..at(step) }, None);
            assert_eq!((&taken[1..], end), (undone, OrderState::Cancelled), "cancelled at {step:?}");
        }
        let (taken, end) = path(Progress { cancel_requested: true, ..at(Step::Capture) }, None);
        assert_eq!((taken.as_slice(), end), (&[Step::Capture, Step::Confirm][..], OrderState::Confirmed));
    }

    #[test]
    fn money_comes_back_and_the_stock_where_it_did_not_leave() {
        assert_eq!(path(at(Step::Refund), None), (vec![Step::Refund, Step::Restock], OrderState::Refunded));
        let shipped = Progress { shipped: true, ..at(Step::Refund) };
        assert_eq!(path(shipped, None), (vec![Step::Refund], OrderState::Refunded));
    }

    #[test]
    fn an_unknown_outcome_is_asked_for_again_and_then_given_to_a_person_but_never_taken_for_an_answer() {
        for step in Step::ALL {
            for outcome in [Outcome::Unknown("silence".to_owned()), Outcome::Waiting("slowness".to_owned())] {
                assert!(matches!(next(at(step), outcome.clone(), 2), Turn::Again(_)), "{step:?}");
                let often = Progress { attempts: 2, ..at(step) };
                assert!(matches!(next(often, outcome.clone(), 2), Turn::Review(_)), "{step:?}");
                let looked_at = Progress { state: OrderState::NeedsReview, ..at(step) };
                assert!(matches!(next(looked_at, outcome, 2), Turn::Review(_)), "{step:?} stays with the person");
            }
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_and_a_refusal_to_undo_are_given_to_a_person() {
        for step in Step::ALL {
            assert!(matches!(next(at(step), Outcome::Contradiction(String::new()), 9), Turn::Review(_)));
        }
        for step in [Step::Void, Step::Release, Step::Refund, Step::Restock] {
            assert!(matches!(next(at(step), Outcome::Refused("no".to_owned()), 9), Turn::Review(_)), "{step:?}");
        }
    }
}
