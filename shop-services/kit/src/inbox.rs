//! The inbox: applies each event exactly once, however often the broker delivers it, and lays poison aside.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{AckKind, Message};
use async_nats::{HeaderMap, HeaderValue};
use futures::StreamExt;
use futures::future::BoxFuture;
use shop_metrics::Events;
use sqlx::PgConnection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::broker::{Broker, DEAD, EVENTS};
use crate::database::{Database, DatabaseError};
use crate::event::Event;
use crate::pause::pause;
use crate::relay::dead_letter_id;
use crate::telemetry;

/// Pause after the subscription broke, for example because the broker is away.
const RETRY: Duration = Duration::from_millis(500);

const INSERT_APPLIED: &str = "INSERT INTO inbox (event_id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// What a service does with events.
pub trait Handler: Send + Sync + 'static {
    /// Applies one event within `tx`, which is committed together with the event's id. An event of a kind that the
    /// subscription matches but the service does not care about is applied by doing nothing.
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>>;
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Unapplied {
    /// No later delivery can help: unknown version, wrong shape.
    #[error("the event cannot be understood: {0}")]
    Poison(String),
    /// The database failed.
    #[error("the event's effect cannot be written")]
    Database(#[from] DatabaseError),
}

/// Takes events from the broker into one service.
#[derive(Clone)]
pub struct Inbox {
    /// Where effects and ids of applied events go.
    pub database: Database,
    /// Where events come from.
    pub broker: Broker,
    /// Consumed and duplicate counts.
    pub metrics: Events,
    /// Name of the durable consumer, which all replicas share: the service's name.
    pub consumer: &'static str,
    /// Kinds to take, `order.*` among them.
    pub kinds: &'static [&'static str],
    /// Deliveries after which an event that cannot be applied is laid aside.
    pub max_deliveries: u32,
    /// Pause before an event is delivered again.
    pub redelivery_delay: Duration,
    /// What to do with them.
    pub handler: Arc<dyn Handler>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("consumer", &self.consumer).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Inbox {
    /// Applies events until the stop signal; the one at work is finished.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.subscribe(&stop).await {
                tracing::warn!(%error, consumer = self.consumer, "no events come in");
                pause(RETRY, &stop).await;
            }
        }
    }

    async fn subscribe(&self, stop: &CancellationToken) -> Result<(), async_nats::Error> {
        let mut messages = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            messages = self.messages() => messages?,
        };
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.next() => message,
            };
            match message {
                Some(message) => self.take(&message?).await?,
                None => return Err("the subscription ended".into()),
            }
        }
    }

    async fn messages(&self) -> Result<pull::Stream, async_nats::Error> {
        self.broker.ensure_streams().await?;
        let config = pull::Config {
            durable_name: Some(self.consumer.to_owned()),
            filter_subjects: self.kinds.iter().map(|kind| format!("shop.{kind}")).collect(),
            ack_wait: Duration::from_secs(30),
            ..pull::Config::default()
        };
        let consumer = self.broker.jetstream().create_consumer_on_stream(config, EVENTS).await?;
        Ok(consumer.stream().max_messages_per_batch(16).messages().await?)
    }

    async fn take(&self, message: &Message) -> Result<(), async_nats::Error> {
        let since = Instant::now();
        let subject = message.subject.as_str();
        let kind = subject.strip_prefix("shop.").unwrap_or(subject);
        let parent = message.headers.as_ref().and_then(|h| h.get("traceparent")).map(HeaderValue::as_str);
        let span = telemetry::message_span(kind, parent);
        let outcome = self.work(message).instrument(span.clone()).await;
        let (label, answer) = match outcome {
            Ok(true) => ("applied", AckKind::Ack),
            Ok(false) => {
                self.metrics.duplicate();
                ("duplicate", AckKind::Ack)
            }
            Err(error) => span.in_scope(|| self.refused(message, kind, &error)),
        };
        if label == "dead_lettered" {
            self.bury(message, kind).await?;
        }
        self.metrics.consumed(kind, label, since.elapsed());
        message.ack_with(answer).await
    }

    /// False where the event had been applied before.
    async fn work(&self, message: &Message) -> Result<bool, Unapplied> {
        let event: Event = serde_json::from_slice(&message.payload)
            .map_err(|e| Unapplied::Poison(format!("the body is no event: {e}")))?;
        let mut tx = self.database.begin().await?;
        let insert = sqlx::query(INSERT_APPLIED).bind(event.id).bind(&event.kind);
        if self.database.measure("insert_applied", insert.execute(&mut *tx)).await?.rows_affected() == 0 {
            return Ok(false);
        }
        self.handler.apply(&mut tx, &event).await?;
        self.database.measure("commit", tx.commit()).await?;
        Ok(true)
    }

    /// An outage is waited for, however long; what fails for other reasons is laid aside after some deliveries.
    fn refused(&self, message: &Message, kind: &str, error: &Unapplied) -> (&'static str, AckKind) {
        let deliveries = message.info().map_or(1, |info| info.delivered);
        let hopeless = match error {
            Unapplied::Poison(_) => true,
            Unapplied::Database(e) => !e.is_retryable() && deliveries >= i64::from(self.max_deliveries),
        };
        tracing::warn!(error = error as &dyn std::error::Error, kind, deliveries, hopeless, "an event was not applied");
        if hopeless { ("dead_lettered", AckKind::Term) } else { ("retried", AckKind::Nak(Some(self.redelivery_delay))) }
    }

    async fn bury(&self, message: &Message, kind: &str) -> Result<(), async_nats::Error> {
        let body = message.payload.to_vec();
        let id = serde_json::from_slice::<Event>(&body).map_or_else(
            |_| message.info().map_or(0, |info| info.stream_sequence).to_string(),
            |event| dead_letter_id(event.id, self.consumer),
        );
        let subject = format!("dead.{}.{kind}", self.consumer);
        let headers = message.headers.clone().unwrap_or_default();
        self.broker.publish(&subject, &id, without_conditions(&headers), body).await?;
        tracing::error!(kind, stream = DEAD, subject, "an event was laid aside");
        Ok(())
    }
}

/// Only the trace goes with a dead letter: the other headers speak to the broker about the first publication.
fn without_conditions(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    if let Some(parent) = headers.get("traceparent") {
        kept.insert("traceparent", parent.clone());
    }
    kept
}
