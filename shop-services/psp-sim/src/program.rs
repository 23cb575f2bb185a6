//! How the provider shall misbehave: what tests and chaos runs set, and what is left of it.

use serde::{Deserialize, Serialize};
use shop_contracts::psp::OperationKind;

/// A program; every count is used up by the operations that it spoils.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Program {
    /// Milliseconds before every answer.
    pub latency_ms: u64,
    /// Operations that are declined.
    pub decline: u32,
    /// Authorizations and captures that are declined; what gives money back is not.
    pub decline_payments: u32,
    /// Operations that are done, but whose answer is cut off.
    pub lose_answers: u32,
    /// Operations that are done, but answered with an amount of one minor unit more.
    pub wrong_amount: u32,
    /// Operations that are done, but answered with a megabyte.
    pub oversize: u32,
    /// Operations that are done, but answered with no JSON.
    pub malformed: u32,
    /// Copies of each notice; none are sent where this is 0.
    pub notices: u32,
    /// Milliseconds before notices are sent; 0 sends the first before the answer.
    pub notice_delay_ms: u64,
}

/// How one answer is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// Cut off.
    Lost,
    /// One minor unit more.
    WrongAmount,
    /// A megabyte.
    Oversize,
    /// No JSON.
    Malformed,
}

impl Program {
    /// Whether the next operation, which is of this kind, is declined.
    pub fn declines(&mut self, kind: OperationKind) -> bool {
        let pays = matches!(kind, OperationKind::Authorize | OperationKind::Capture);
        use_up(&mut self.decline) || (pays && use_up(&mut self.decline_payments))
    }

    /// How the next answer is spoiled, if it is.
    pub fn spoils(&mut self) -> Option<Spoiled> {
        if use_up(&mut self.lose_answers) {
            Some(Spoiled::Lost)
        } else if use_up(&mut self.wrong_amount) {
            Some(Spoiled::WrongAmount)
        } else if use_up(&mut self.oversize) {
            Some(Spoiled::Oversize)
        } else if use_up(&mut self.malformed) {
            Some(Spoiled::Malformed)
        } else {
            None
        }
    }
}

fn use_up(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}
