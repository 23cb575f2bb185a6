//! The audit: what must be true of a shop whenever nobody is at work in it, checked from outside, against its
//! databases, its broker, its payment provider and its gateway. It writes nothing but an auditor's two accounts.

mod between;
mod events;
mod places;
mod provider;
mod quotes;
mod rules;
mod strangers;

use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::time::{Instant, sleep};

pub use places::Places;

use between::Ledgers;
use places::Books;

/// Pause between two looks while the shop comes to rest.
const PAUSE: Duration = Duration::from_secs(1);
/// Names of objects that a rule tells of at most.
const EXAMPLES: usize = 10;

/// What must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// Nothing is oversold: `0 ≤ reserved ≤ on_hand` for every SKU.
    I1,
    /// The ledger sums to zero, and what was taken and not given back is what confirmed orders cost.
    I2,
    /// One key has one effect, one order one capture.
    I3,
    /// No order and no reservation outlives its time.
    I4,
    /// Every event is published, and applied once.
    I5,
    /// An order costs what a signed quote says.
    I6,
    /// Nobody reads what is another's.
    I7,
}

/// One rule and what breaks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Part of which invariant.
    pub invariant: Invariant,
    /// What must hold, in words.
    pub rule: &'static str,
    /// How many objects break it.
    pub broken: usize,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Finding {
    /// A rule, and every object that breaks it.
    fn of(invariant: Invariant, rule: &'static str, broken: Vec<String>) -> Self {
        Self { invariant, rule, broken: broken.len(), examples: broken.into_iter().take(EXAMPLES).collect() }
    }
}

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every rule holds.
    pub passed: bool,
    /// Every rule.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The rules that do not hold.
    pub fn broken(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.broken > 0)
    }
}

/// What cannot be audited.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The file of places is not one.
    #[error("{0} is no file of places: pass the one that `make shop` names")]
    Places(String, #[source] Option<toml::de::Error>),
    /// A database does not answer.
    #[error("the database of {service} does not answer to {rule:?}")]
    Database {
        /// Whose.
        service: String,
        /// What was asked.
        rule: String,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// The broker does not answer.
    #[error("the broker does not answer: {0}")]
    Broker(String),
    /// A service, the provider or the gateway does not answer.
    #[error("{url} does not answer as it should: {said}")]
    Door {
        /// Who.
        url: String,
        /// What was answered.
        said: String,
    },
}

/// How the audit is done.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Longest wait for the shop to come to rest: what does not hold then does not hold.
    pub within: Duration,
    /// Age at which an order on its way is too old.
    pub deadline: Duration,
    /// Orders that strangers try to reach.
    pub strangers: usize,
}

/// Looks until every rule holds, or time is up.
///
/// # Errors
/// Where something does not answer: that is no verdict.
pub async fn audit(places: &Places, terms: Terms) -> Result<Report, AuditError> {
    let until = Instant::now() + terms.within;
    let mut books = places.open().await?;
    loop {
        let report = look(places, &mut books, terms).await?;
        if report.passed || Instant::now() >= until {
            return Ok(report);
        }
        sleep(PAUSE).await;
    }
}

/// Looks once, while people and services are at work: the rules that hold at every moment, each within one database.
///
/// # Errors
/// Where something does not answer: that is no verdict.
pub async fn at_work(places: &Places, deadline: Duration) -> Result<Report, AuditError> {
    let findings = rules::check(&mut places.open().await?, deadline).await?;
    Ok(Report { passed: findings.iter().all(|finding| finding.broken == 0), findings })
}

/// Every rule, once.
async fn look(places: &Places, books: &mut Books, terms: Terms) -> Result<Report, AuditError> {
    let mut findings = rules::check(books, terms.deadline).await?;
    let ledgers = Ledgers::read(books).await?;
    findings.extend(ledgers.check());
    findings.extend(provider::check(places, &ledgers).await?);
    findings.extend(events::check(places, books).await?);
    findings.extend(quotes::check(places, &ledgers).await?);
    findings.extend(strangers::check(places, &ledgers, terms.strangers).await?);
    findings.sort_by_key(|finding| finding.invariant);
    Ok(Report { passed: findings.iter().all(|finding| finding.broken == 0), findings })
}
