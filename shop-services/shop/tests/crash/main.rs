//! `kill -9` in the middle of the work: whatever was answered is kept, whatever was not can be repeated, once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod database;
mod inventory;
mod payments;
mod place;
