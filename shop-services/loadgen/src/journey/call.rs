//! One call of a visitor: at its time, with the patience and the retries of a browser, and what it counts as.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use hyper::body::Bytes;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use crate::connection::{self, Answer, Connection, Outcome};

/// What a call is for: each class has objectives of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Reads the catalog or a product page.
    Browse,
    /// Changes a cart.
    Cart,
    /// Asks for a quote.
    Quote,
    /// Places an order.
    Order,
    /// From a placed order to its end.
    Settled,
    /// Logs in, looks at orders and account.
    Account,
    /// Crawlers, scalpers, stolen passwords: whether they are served is nobody's objective.
    Robot,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] =
        [Self::Browse, Self::Cart, Self::Quote, Self::Order, Self::Settled, Self::Account, Self::Robot];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Cart => "cart",
            Self::Quote => "quote",
            Self::Order => "order",
            Self::Settled => "settled",
            Self::Account => "account",
            Self::Robot => "robot",
        }
    }

    /// Longest 99th percentile of a minute, and the least share of calls that must be answered well.
    pub const fn objectives(self) -> Option<(Duration, f64)> {
        match self {
            Self::Browse => Some((Duration::from_millis(200), 0.999)),
            Self::Cart => Some((Duration::from_millis(300), 0.999)),
            Self::Quote | Self::Order => Some((Duration::from_millis(500), 0.9995)),
            Self::Settled => Some((Duration::from_secs(5), 0.9995)),
            Self::Account | Self::Robot => None,
        }
    }
}

/// What the book is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// A visit began.
    Visit,
    /// The time of a call has come.
    Offered {
        /// Its class.
        class: Class,
        /// Second of its intended start, since the start of the run.
        second: u32,
    },
    /// A call ended.
    Done {
        /// Its class.
        class: Class,
        /// Second of its intended start.
        second: u32,
        /// How.
        outcome: Outcome,
        /// From the intended start to the end, retries and all.
        latency: Duration,
        /// Retries that it took.
        retries: u32,
    },
    /// A product page came without a part of it.
    Partial,
    /// A visitor lost patience.
    Abandoned,
}

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Message(connection::Message);

/// A request without headers and body.
pub fn message(method: Method, path: impl Into<String>) -> Message {
    let path = path.into();
    Message(connection::Message { method, path, headers: Vec::new(), body: Bytes::new(), keeps_body: false })
}

impl Message {
    fn header(mut self, name: HeaderName, value: &str) -> Self {
        // What was drawn from our own words fits into a header.
        self.0.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// With this body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.0.body = body.to_string().into();
        self.header(CONTENT_TYPE, "application/json")
    }

    /// With this idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header(HeaderName::from_static("idempotency-key"), key)
    }

    /// As whoever has this token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// As the guest with this token.
    #[must_use]
    pub fn guest(self, token: &str) -> Self {
        self.header(HeaderName::from_static("cart-token"), token)
    }

    /// If the object is still as it was seen.
    #[must_use]
    pub fn seen(self, tag: &str) -> Self {
        self.header(IF_MATCH, tag)
    }

    /// As a crawler that says so.
    #[must_use]
    pub fn crawling(self) -> Self {
        self.header(USER_AGENT, "loadgen-crawler")
    }

    /// The answer's body is of interest.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.0.keeps_body = true;
        self
    }
}

impl From<Message> for connection::Message {
    fn from(message: Message) -> Self {
        message.0
    }
}

/// The visit is over: the shop gave no good answer, or it took too long.
#[derive(Debug)]
pub struct Gone;

/// How a browser repeats what failed: eight of ten wait a little and longer each time, the others are stubborn.
const PATIENT: f64 = 0.8;
/// Retries of one call.
const RETRIES: u32 = 2;
/// Wait before the first retry.
const PAUSE: Duration = Duration::from_millis(200);
/// Waits from which some lose patience, and at which everybody has lost it, seconds.
const PATIENCE: (f64, f64) = (3.0, 10.0);

/// A visitor at the shop's door: a connection, a clock, and no endless patience.
#[derive(Debug)]
pub struct Caller {
    /// When the next call is meant to start.
    pub at: Instant,
    /// Start of the run.
    pub zero: Instant,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Where calls are written down.
    pub book: UnboundedSender<Entry>,
    /// The visitor's own chance.
    pub rng: ChaCha8Rng,
    /// The visitor's connection.
    pub connection: Connection,
}

impl Caller {
    /// Waits until the next call's time, calls, and repeats what failed; an answer with one of these statuses is good.
    ///
    /// # Errors
    /// [`Gone`] where there was no such answer, or the visitor lost patience.
    pub async fn call(&mut self, class: Class, message: Message, good: &[u16]) -> Result<Answer, Gone> {
        let (message, at) = (message.into(), self.at);
        sleep_until(at).await;
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a run")]
        let second = at.saturating_duration_since(self.zero).as_secs() as u32;
        self.tell(Entry::Offered { class, second });
        let patient = self.rng.random_bool(PATIENT);
        let mut retries = 0;
        let (answer, outcome) = loop {
            let sent = self.connection.send(&message, Instant::now() + self.timeout).await;
            let (answer, outcome) = match sent {
                Ok(answer) if good.contains(&answer.status) => (Some(answer), Outcome::Ok),
                // A good status that was not expected here is no good answer.
                Ok(answer) => (
                    None,
                    Some(Outcome::of_status(answer.status)).filter(|o| *o != Outcome::Ok).unwrap_or(Outcome::Status4xx),
                ),
                Err(outcome) => (None, outcome),
            };
            let again = !matches!(outcome, Outcome::Ok | Outcome::Status4xx | Outcome::Limited | Outcome::OutOfFiles);
            if !again || retries == RETRIES || at.elapsed().as_secs_f64() > PATIENCE.0 {
                break (answer, outcome);
            }
            let pause = if patient { PAUSE * 2_u32.pow(retries) } else { PAUSE };
            let jitter = if patient { self.rng.random_range(0.5..1.5) } else { 1.0 };
            sleep(pause.mul_f64(jitter)).await;
            retries += 1;
        };
        let latency = at.elapsed();
        self.tell(Entry::Done { class, second, outcome, latency, retries });
        let waited = (latency.as_secs_f64() - PATIENCE.0) / (PATIENCE.1 - PATIENCE.0);
        if class != Class::Robot && self.rng.random_bool(waited.clamp(0.0, 1.0)) {
            self.tell(Entry::Abandoned);
            return Err(Gone);
        }
        answer.ok_or(Gone)
    }

    /// The next call is meant to start so much later.
    pub fn waits(&mut self, seconds: f64) {
        self.at += Duration::from_secs_f64(seconds);
    }

    /// Writes something down; the book only stops listening when the run is over.
    pub fn tell(&self, entry: Entry) {
        let _ = self.book.send(entry);
    }
}
