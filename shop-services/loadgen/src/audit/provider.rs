//! What the payment provider has in its books.

use super::between::Ledgers;
use super::places::{Places, document};
use super::{AuditError, Finding, Invariant};

/// The provider's balance and number of captures are ours.
pub(super) async fn check(places: &Places, ledgers: &Ledgers) -> Result<Vec<Finding>, AuditError> {
    let Some(provider) = &places.provider else { return Ok(Vec::new()) };
    let books = document(provider, "/sim/books").await?;
    let balance: i64 = ledgers.paid.iter().map(|(_, paid, _)| paid).sum();
    let taken = ledgers.paid.iter().filter(|(.., any)| *any).count();
    let differ = |what: &str, theirs: &serde_json::Value, ours: i64| {
        let theirs = theirs.as_i64().unwrap_or_default();
        (theirs != ours).then(|| format!("{what}: the provider has {theirs}, payments {ours}"))
    };
    let taken = i64::try_from(taken).unwrap_or(i64::MAX);
    let money = differ("balance", &books["balance"], balance);
    let once = differ("captures", &books["succeeded"]["capture"], taken);
    Ok(vec![
        Finding::of(Invariant::I2, "the provider's balance is ours", money.into_iter().collect()),
        Finding::of(
            Invariant::I3,
            "the provider captured once for each order that was paid",
            once.into_iter().collect(),
        ),
    ])
}
