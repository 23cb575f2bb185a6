//! Orders that were placed, and what became of each: none that was accepted may be lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use http::Method;
use http::header::LOCATION;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::connection::{Answer, Connection};
use crate::journey::call::{Message, message};
use crate::journey::people::{Customer, address};

/// Orders that are asked after at the same time.
const AT_ONCE: usize = 8;
/// Pause between two looks at one.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One order.
#[derive(Debug, Clone)]
struct Placed {
    customer: Customer,
    /// Sent again where its answer did not come: the key makes it the same order.
    message: Message,
    path: Option<String>,
    /// As it was seen last.
    seen: Option<String>,
    rests: bool,
}

/// Every order of a run.
#[derive(Debug, Default)]
pub struct Orders(Mutex<Vec<Placed>>);

/// What became of the orders of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Accepted, sooner or later.
    pub accepted: u64,
    /// By the state in which they rest, with the reason where they came to nothing.
    pub ended: BTreeMap<String, u64>,
    /// Not accepted: refused, also when asked again.
    pub refused: u64,
    /// Accepted, and not there any more or not at rest when time was up, as each was seen last. **Range**: must be empty.
    pub lost: Vec<String>,
}

/// Whether an order rests in this state.
fn rests(state: &str) -> bool {
    matches!(state.split(':').next().unwrap_or_default(), "confirmed" | "shipped" | "cancelled" | "refunded")
}

/// The state of an order as it was answered, with its reason.
fn state(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let state = body["state"].as_str()?;
    Some(body["reason"].as_str().map_or_else(|| state.to_owned(), |reason| format!("{state}: {reason}")))
}

impl Orders {
    /// An order is about to be placed; returns its number.
    pub fn begin(&self, customer: Customer, message: Message) -> usize {
        let mut all = self.all();
        all.push(Placed { customer, message, path: None, seen: None, rests: false });
        all.len() - 1
    }

    /// It was accepted; returns where it is.
    pub fn accepted(&self, number: usize, answer: &Answer) -> Option<String> {
        let path = answer.headers.get(LOCATION)?.to_str().ok()?.to_owned();
        if let Some(placed) = self.all().get_mut(number) {
            placed.path = Some(path.clone());
        }
        Some(path)
    }

    /// It was looked at; true where it rests.
    pub fn looked(&self, number: usize, answer: &Answer) -> bool {
        let seen = state(answer);
        let rests = seen.as_deref().is_some_and(rests);
        if let Some(placed) = self.all().get_mut(number) {
            placed.rests = rests;
            placed.seen = seen.or_else(|| Some(format!("status {}", answer.status)));
        }
        rests
    }

    /// Asks after every order that is not known to rest, for `patience` at most, and says what became of all.
    pub async fn settle(&self, target: SocketAddr, patience: Duration) -> Fates {
        let until = Instant::now() + patience;
        let open: Vec<(usize, Placed)> =
            self.all().iter().cloned().enumerate().filter(|(_, placed)| !placed.rests).collect();
        stream::iter(open)
            .for_each_concurrent(AT_ONCE, |(number, placed)| self.follow(number, placed, target, until))
            .await;
        let mut fates = Fates::default();
        for placed in self.all().iter() {
            let Some(path) = &placed.path else {
                fates.refused += 1;
                continue;
            };
            fates.accepted += 1;
            let seen = placed.seen.as_deref().unwrap_or("never seen");
            if placed.rests {
                *fates.ended.entry(seen.to_owned()).or_default() += 1;
            } else {
                fates.lost.push(format!("{path}: {seen}"));
            }
        }
        fates
    }

    /// Follows one order until it rests; its answer may never have come.
    async fn follow(&self, number: usize, placed: Placed, target: SocketAddr, until: Instant) {
        let mut connection = Connection::from(target, address(u64::from(placed.customer.0)));
        let (mut token, mut path) = (None, placed.path.clone());
        while Instant::now() < until {
            let Some(bearer) = &token else {
                token = log_in(&mut connection, placed.customer).await;
                sleep(PAUSE).await;
                continue;
            };
            let asked = match &path {
                None => placed.message.clone().bearer(bearer),
                Some(path) => message(Method::GET, path).bearer(bearer).kept(),
            };
            let answer = connection.send(&asked.into(), Instant::now() + TIMEOUT).await;
            let known = path.is_some();
            match answer {
                Ok(answer) if answer.status == 401 => token = None,
                Ok(answer) if known && self.looked(number, &answer) => return,
                Ok(answer) if !known && refuses(&answer) => return,
                Ok(answer) if !known => path = self.accepted(number, &answer),
                _ => {}
            }
            sleep(PAUSE).await;
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Placed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the answer to an order says that it was never accepted and never will be: a conflict may also say that the
/// first request still runs.
fn refuses(answer: &Answer) -> bool {
    let runs = || String::from_utf8_lossy(&answer.body).contains("idempotency-key");
    matches!(answer.status, 400 | 404 | 422) || (answer.status == 409 && !runs())
}

/// A customer's token.
async fn log_in(connection: &mut Connection, customer: Customer) -> Option<String> {
    let answer = connection.send(&customer.log_in().into(), Instant::now() + TIMEOUT).await.ok()?;
    token_of(&answer)
}

/// The access token in the answer to a login.
pub fn token_of(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body["access_token"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn answer(body: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([(LOCATION, http::HeaderValue::from_static("/v1/orders/7"))]);
        Answer { status: 200, headers, body: body.into() }
    }

    #[tokio::test]
    async fn an_accepted_order_that_never_rests_is_lost_and_a_refused_one_is_not() {
        let orders = Orders::default();
        let numbers: Vec<usize> =
            (0..4).map(|_| orders.begin(Customer(1), message(Method::POST, "/v1/orders"))).collect();
        for number in &numbers[..3] {
            orders.accepted(*number, &answer(""));
        }
        assert!(orders.looked(0, &answer(r#"{"state":"confirmed"}"#)));
        assert!(orders.looked(1, &answer(r#"{"state":"cancelled","reason":"out-of-stock"}"#)));
        assert!(!orders.looked(2, &answer(r#"{"state":"reserved"}"#)));
        let nobody = ([127, 0, 0, 1], 1).into();
        let fates = orders.settle(nobody, Duration::from_millis(50)).await;
        assert_eq!((fates.accepted, fates.refused, fates.lost), (3, 1, vec!["/v1/orders/7: reserved".to_owned()]));
        assert_eq!(fates.ended, BTreeMap::from([("confirmed".into(), 1), ("cancelled: out-of-stock".into(), 1)]));
    }
}
