//! The provider's books: one outcome per merchant's key, whatever is asked how often.

use std::collections::HashMap;
use std::path::Path;

use shop_contracts::psp::{OperationKind, PspOutcome, PspRequest};

use crate::journal::Journal;

/// Everything that was ever asked, by the merchant's key.
#[derive(Debug, Default)]
pub struct Book {
    outcomes: HashMap<String, (PspRequest, PspOutcome)>,
    journal: Option<Journal>,
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// The key was used for another operation.
    Mismatch,
    /// It could not be written down.
    Unwritten,
}

impl Book {
    /// The books that are kept in this file, which is made where there is none.
    ///
    /// # Errors
    /// Where the file cannot be read or written, or holds something else.
    pub fn kept_in(file: &Path) -> std::io::Result<Self> {
        let (journal, written) = Journal::open(file)?;
        let outcomes = written.into_iter().map(|(request, outcome)| (outcome.key.clone(), (request, outcome)));
        Ok(Self { outcomes: outcomes.collect(), journal: Some(journal) })
    }

    /// Does what is asked, once; `decline` declines what was not done before.
    ///
    /// # Errors
    /// Where the key was used for another operation, or what is done cannot be written down.
    pub fn execute(&mut self, request: &PspRequest, decline: bool) -> Result<PspOutcome, NotDone> {
        if let Some((before, outcome)) = self.outcomes.get(&request.key) {
            return if before == request { Ok(outcome.clone()) } else { Err(NotDone::Mismatch) };
        }
        let reason = if decline { Some("do_not_honor".to_owned()) } else { self.objection(request) };
        let PspRequest { key, kind, amount, .. } = request.clone();
        let outcome = PspOutcome { key: key.clone(), kind, amount, succeeded: reason.is_none(), reason };
        if let Some(journal) = &mut self.journal {
            journal.write(request, &outcome).map_err(|_| NotDone::Unwritten)?;
        }
        self.outcomes.insert(key, (request.clone(), outcome.clone()));
        Ok(outcome)
    }

    /// What became of an operation, if it was ever asked for.
    pub fn find(&self, key: &str) -> Option<PspOutcome> {
        self.outcomes.get(key).map(|(_, outcome)| outcome.clone())
    }

    /// Minor units that were taken less those given back, over all operations.
    pub fn balance(&self) -> i64 {
        self.amount(|_| true, OperationKind::Capture) - self.amount(|_| true, OperationKind::Refund)
    }

    /// Successful operations of a kind.
    pub fn count(&self, kind: OperationKind) -> usize {
        self.outcomes.values().filter(|(_, o)| o.succeeded && o.kind == kind).count()
    }

    /// Why an operation cannot be done, if it cannot.
    fn objection(&self, request: &PspRequest) -> Option<String> {
        let objection = match (request.kind, request.authorization.as_deref()) {
            (OperationKind::Authorize, _) => match request.method.as_deref() {
                None => Some("no_method"),
                Some("tok_declined") => Some("insufficient_funds"),
                Some(_) => None,
            },
            (_, None) => Some("no_authorization"),
            (kind, Some(authorization)) => self.follow_up(kind, authorization, request.amount.amount),
        };
        objection.map(str::to_owned)
    }

    fn follow_up(&self, kind: OperationKind, authorization: &str, amount: i64) -> Option<&'static str> {
        let Some(authorized) = self.find(authorization).filter(|o| o.succeeded && o.kind == OperationKind::Authorize)
        else {
            return Some("no_authorization");
        };
        let of_it = |r: &PspRequest| r.authorization.as_deref() == Some(authorization);
        let captured = self.amount(of_it, OperationKind::Capture);
        let voided = self.amount(of_it, OperationKind::Void);
        match kind {
            OperationKind::Capture | OperationKind::Void if captured > 0 || voided > 0 => Some("already_settled"),
            OperationKind::Capture if amount > authorized.amount.amount => Some("amount_too_large"),
            OperationKind::Refund if self.amount(of_it, OperationKind::Refund) + amount > captured => {
                Some("amount_too_large")
            }
            _ => None,
        }
    }

    fn amount(&self, of: impl Fn(&PspRequest) -> bool, kind: OperationKind) -> i64 {
        self.outcomes
            .values()
            .filter(|(r, o)| o.succeeded && o.kind == kind && of(r))
            .map(|(_, o)| o.amount.amount)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_contracts::money::{Currency, Money};

    fn request(key: &str, kind: OperationKind, amount: i64) -> PspRequest {
        let authorize = kind == OperationKind::Authorize;
        PspRequest {
            key: key.into(),
            kind,
            amount: Money::new(amount, Currency::EUR),
            method: authorize.then(|| "tok_ok".into()),
            authorization: (!authorize).then(|| "a".into()),
        }
    }

    fn reason(book: &mut Book, request: &PspRequest) -> Option<String> {
        book.execute(request, false).unwrap().reason
    }

    #[test]
    fn one_key_is_one_operation() {
        let mut book = Book::default();
        let authorize = request("a", OperationKind::Authorize, 100);
        let first = book.execute(&authorize, false).unwrap();
        assert_eq!(book.execute(&authorize, true), Ok(first), "an outcome does not change");
        assert_eq!(book.execute(&request("a", OperationKind::Authorize, 101), false), Err(NotDone::Mismatch));
        for _ in 0..3 {
            assert_eq!(reason(&mut book, &request("c", OperationKind::Capture, 100)), None);
        }
        assert_eq!((book.count(OperationKind::Capture), book.balance()), (1, 100));
    }

    #[test]
    fn books_in_a_file_outlive_whoever_keeps_them_and_a_line_cut_short_is_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("books.jsonl");
        let (authorize, capture) =
            (request("a", OperationKind::Authorize, 100), request("c", OperationKind::Capture, 100));
        let first = Book::kept_in(&file).unwrap().execute(&authorize, false).unwrap();
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{whole}{}", &whole[..20])).unwrap();
        let mut book = Book::kept_in(&file).unwrap();
        assert_eq!(book.execute(&authorize, true), Ok(first));
        assert_eq!(reason(&mut book, &capture), None);
        let book = Book::kept_in(&file).unwrap();
        assert_eq!((book.count(OperationKind::Authorize), book.count(OperationKind::Capture)), (1, 1));
        assert_eq!(book.balance(), 100);
        std::fs::write(&file, "no operation\n").unwrap();
        assert!(Book::kept_in(&file).is_err());
    }

    #[test]
    fn no_more_is_taken_than_authorized_and_no_more_given_back_than_taken() {
        let mut book = Book::default();
        assert!(reason(&mut book, &request("early", OperationKind::Capture, 1)).is_some());
        book.execute(&request("a", OperationKind::Authorize, 100), false).unwrap();
        assert!(reason(&mut book, &request("large", OperationKind::Capture, 101)).is_some());
        assert_eq!(reason(&mut book, &request("c", OperationKind::Capture, 100)), None);
        assert!(reason(&mut book, &request("again", OperationKind::Capture, 100)).is_some());
        assert!(reason(&mut book, &request("late", OperationKind::Void, 100)).is_some());
        assert_eq!(reason(&mut book, &request("r1", OperationKind::Refund, 60)), None);
        assert!(reason(&mut book, &request("r2", OperationKind::Refund, 41)).is_some());
        assert_eq!(reason(&mut book, &request("r3", OperationKind::Refund, 40)), None);
        assert_eq!(book.balance(), 0);
    }
}
