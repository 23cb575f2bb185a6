//! Whether the API server resizes pods in place, as far as it has told.

use std::sync::atomic::{AtomicU8, Ordering};

const UNANSWERED: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// The server's last answer.
#[derive(Debug, Default)]
pub(crate) struct Resizing(AtomicU8);

impl Resizing {
    /// Keeps an answer.
    pub(crate) fn learn(&self, can: bool) {
        self.0.store(if can { YES } else { NO }, Ordering::Relaxed);
    }

    /// Whether there was an answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed) != UNANSWERED
    }

    /// Whether pods can be resized for sure.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) == YES
    }
}
