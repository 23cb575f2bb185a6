//! Cursors: where a listing stopped, as opaque text that survives inserts and deletes between pages.

use shop_contracts::ErrorCode;
use uuid::Uuid;

use crate::error::Refusal;

/// The last row of a page in the order of its listing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cursor {
    /// Plain listing, newest first: the id alone orders it.
    Newest(Uuid),
    /// Search, best first: the rank as PostgreSQL computed it, then the id.
    Ranked(f32, Uuid),
}

impl Cursor {
    /// The text a client passes back.
    pub fn encode(self) -> String {
        match self {
            Self::Newest(id) => format!("n{}", id.simple()),
            Self::Ranked(rank, id) => format!("r{:08x}{}", rank.to_bits(), id.simple()),
        }
    }

    /// Reads what a client passed.
    ///
    /// # Errors
    /// `bad-cursor` for anything `encode` did not make.
    pub fn decode(text: &str) -> Result<Self, Refusal> {
        parse(text).ok_or_else(|| bad("pass the next_cursor of the page before, unchanged"))
    }
}

/// The refusal of a cursor of the other kind of listing.
pub fn bad(detail: &str) -> Refusal {
    Refusal::Known(ErrorCode::BadCursor, detail.to_owned())
}

fn parse(text: &str) -> Option<Cursor> {
    if !text.is_ascii() {
        return None;
    }
    let (kind, rest) = text.split_at_checked(1)?;
    match kind {
        "n" => Some(Cursor::Newest(id(rest)?)),
        "r" => {
            let (rank, rest) = rest.split_at_checked(8)?;
            let rank = f32::from_bits(u32::from_str_radix(rank, 16).ok()?);
            rank.is_finite().then_some(Cursor::Ranked(rank, id(rest)?))
        }
        _ => None,
    }
}

fn id(text: &str) -> Option<Uuid> {
    if text.len() == 32 { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went_out() {
        let id = Uuid::from_u128(7);
        for cursor in [Cursor::Newest(id), Cursor::Ranked(0.607_927_1, id)] {
            assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }
    }

    #[test]
    fn refuses_what_it_did_not_make() {
        let nan = format!("r{:08x}{}", f32::NAN.to_bits(), Uuid::nil().simple());
        for text in ["", "n", "x00", "n123", "rzzzzzzzz00000000000000000000000000000000", "é", &nan] {
            assert!(Cursor::decode(text).is_err(), "{text}");
        }
    }
}
