//! The relay: reads the outbox in order, publishes, and marks what the broker has acknowledged.

use std::time::Duration;

use async_nats::HeaderMap;
use shop_metrics::Events;
use sqlx::Row;
use sqlx::types::Json;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broker::{Broker, BrokerError};
use crate::database::{Database, DatabaseError};
use crate::event::Event;
use crate::pause::pause;

/// Events of one round; each is acknowledged before the next is sent.
const BATCH: i64 = 64;

/// One replica relays at a time, so that events leave in the order of their positions; the lock goes with the
/// transaction, so a killed relay hands over at once.
const LOCK_OUTBOX: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox', 0))";

const SELECT_UNPUBLISHED: &str = "\
SELECT position, body, traceparent FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1";

const MARK_PUBLISHED: &str = "UPDATE outbox SET published_at = clock_timestamp() WHERE position = ANY($1)";

const SELECT_WAITING: &str = "\
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
FROM outbox WHERE published_at IS NULL";

/// Takes events from one outbox to the broker.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Where the outbox is.
    pub database: Database,
    /// Where events go.
    pub broker: Broker,
    /// Sent and waiting counts.
    pub metrics: Events,
    /// Pause while there is nothing to do, or nobody to give it to.
    pub period: Duration,
}

/// A round of the relay ended early; what was acknowledged before is marked.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The database failed.
    #[error("the outbox cannot be read or marked")]
    Database(#[from] DatabaseError),
    /// The broker failed.
    #[error("the broker does not take events")]
    Broker(#[from] BrokerError),
}

impl Relay {
    /// Relays until the stop signal.
    pub async fn run(self, stop: CancellationToken) {
        let mut streams = false;
        while !stop.is_cancelled() {
            let full =
                self.round(&mut streams, &stop).await.inspect_err(waits).unwrap_or_default() == BATCH.unsigned_abs();
            if !full {
                pause(self.period, &stop).await;
            }
        }
    }

    async fn round(&self, streams: &mut bool, stop: &CancellationToken) -> Result<u64, RelayError> {
        self.observe().await?;
        if !*streams {
            tokio::select! {
                () = stop.cancelled() => return Ok(0),
                made = self.broker.ensure_streams() => made?,
            }
            *streams = true;
        }
        let published = self.publish_batch().await?;
        if published > 0 {
            self.observe().await?;
        }
        Ok(published)
    }

    /// Publishes up to 64 events and returns how many; 0 also where another replica is at it.
    ///
    /// # Errors
    /// Where the database or the broker fails; what was acknowledged before is marked all the same.
    pub async fn publish_batch(&self) -> Result<u64, RelayError> {
        let mut tx = self.database.begin().await?;
        let locked = sqlx::query_scalar::<_, bool>(LOCK_OUTBOX).fetch_one(&mut *tx);
        if !self.database.measure("lock_outbox", locked).await? {
            return Ok(0);
        }
        let select = sqlx::query(SELECT_UNPUBLISHED).bind(BATCH);
        let rows = self.database.measure("select_unpublished", select.fetch_all(&mut *tx)).await?;
        let mut published = Vec::with_capacity(rows.len());
        let mut failure = None;
        for row in rows {
            let (position, Json(event), traceparent) = decode(&row)?;
            if let Err(error) = self.publish(&event, traceparent.as_deref()).await {
                failure = Some(error);
                break;
            }
            published.push(position);
        }
        if !published.is_empty() {
            let mark = sqlx::query(MARK_PUBLISHED).bind(&published);
            self.database.measure("mark_published", mark.execute(&mut *tx)).await?;
            self.database.measure("commit", tx.commit()).await?;
        }
        failure.map_or(Ok(published.len() as u64), |error| Err(error.into()))
    }

    async fn publish(&self, event: &Event, traceparent: Option<&str>) -> Result<(), BrokerError> {
        let mut headers = HeaderMap::new();
        if let Some(parent) = traceparent {
            headers.insert("traceparent", parent);
        }
        // The event was read from JSON, so it can be written as JSON.
        let body = serde_json::to_vec(event).unwrap_or_default();
        self.broker.publish(&format!("shop.{}", event.kind), &event.id.to_string(), headers, body).await?;
        self.metrics.sent(&event.kind);
        Ok(())
    }

    /// Shows how much waits, whichever replica relays.
    async fn observe(&self) -> Result<(), DatabaseError> {
        let mut connection = self.database.connection().await?;
        let select = sqlx::query_as::<_, (i64, f64)>(SELECT_WAITING).fetch_one(&mut *connection);
        let (waiting, oldest) = self.database.measure("select_waiting", select).await?;
        self.metrics.outbox(waiting.unsigned_abs(), Duration::try_from_secs_f64(oldest).unwrap_or_default());
        Ok(())
    }
}

fn waits(error: &RelayError) {
    tracing::warn!(error = error as &dyn std::error::Error, "events wait in the outbox");
}

fn decode(row: &sqlx::postgres::PgRow) -> Result<(i64, Json<Event>, Option<String>), DatabaseError> {
    let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    read().map_err(|source| DatabaseError::Operation { operation: "select_unpublished", source })
}

/// The id under which the broker recognises a dead letter: one per event and consumer.
pub(crate) fn dead_letter_id(event: Uuid, consumer: &str) -> String {
    format!("{event}@{consumer}")
}
