//! The wall clock, read at the composition root and by commands; everything else takes time as an argument.

use jiff::Timestamp;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::now()
}
