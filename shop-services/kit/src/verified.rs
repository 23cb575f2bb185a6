//! Statements whose signature was checked already: checking one again is most of what a request costs at the edge.
//!
//! The whole statement is the key, so that nothing else is ever taken for it; how long it holds is asked anew each time.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

/// Statements that are remembered; those that were not asked for longest go first.
const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// Claims by statement; clones share them.
#[derive(Debug)]
pub(crate) struct Verified<T> {
    by_statement: Arc<Mutex<LruCache<String, (u64, T)>>>,
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self { by_statement: Arc::clone(&self.by_statement) }
    }
}

impl<T> Default for Verified<T> {
    fn default() -> Self {
        Self { by_statement: Arc::new(Mutex::new(LruCache::new(MOST))) }
    }
}

impl<T: Clone> Verified<T> {
    /// The claims of a statement that was checked with the keys of this edition.
    pub(crate) fn get(&self, statement: &str, edition: u64) -> Option<T> {
        let mut known = self.by_statement.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(statement).filter(|(of, _)| *of == edition).map(|(_, claims)| claims.clone())
    }

    /// Remembers the claims of a statement that was checked with the keys of this edition; with newer ones it is merely
    /// checked once more.
    pub(crate) fn insert(&self, statement: &str, edition: u64, claims: T) {
        let mut known = self.by_statement.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(statement.to_owned(), (edition, claims));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_those_of_the_very_statement_and_edition() {
        let verified = Verified::default();
        verified.insert("a.b.c", 1, 7);
        assert_eq!(verified.get("a.b.c", 1), Some(7));
        assert_eq!(verified.get("a.b.d", 1), None, "another signature");
        assert_eq!(verified.get("a.b.c", 2), None, "other keys");
    }

    #[test]
    fn only_so_many_are_remembered_and_the_latest_stay() {
        let verified = Verified::default();
        for number in 0..=MOST.get() {
            verified.insert(&number.to_string(), 1, number);
        }
        assert_eq!(verified.get("0", 1), None);
        assert_eq!(verified.get(&MOST.to_string(), 1), Some(MOST.get()));
    }
}
