//! What waits for a service at the broker: the signal that sizes a worker, also from none.

use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use shop_metrics::Backlog;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, EVENTS};
use crate::database::{Database, DatabaseError};
use crate::pause::pause;

const SELECT_AGE: &str = "SELECT greatest(extract(epoch FROM clock_timestamp())::float8 - $1, 0)";

/// Looks at a service's consumer now and then.
#[derive(Debug, Clone)]
pub(crate) struct Lag {
    /// Tells the time, as it does for the outbox.
    pub(crate) database: Database,
    /// Where events wait.
    pub(crate) broker: Broker,
    /// Where to show it.
    pub(crate) metrics: Backlog,
    /// Name of the durable consumer.
    pub(crate) consumer: &'static str,
    /// Kinds that it takes.
    pub(crate) kinds: &'static [&'static str],
    /// Pause between two looks.
    pub(crate) period: Duration,
}

/// The backlog is not known now.
#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error("the database does not tell the time")]
    Database(#[from] DatabaseError),
    #[error("the broker does not tell the backlog")]
    Broker(#[source] async_nats::Error),
}

impl Lag {
    /// Looks until the stop signal; what is not known is not shown.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let seen = tokio::select! {
                () = stop.cancelled() => return,
                seen = self.look() => seen.inspect_err(unseen).ok(),
            };
            self.metrics.set(seen);
            pause(self.period, &stop).await;
        }
    }

    /// How many events wait, and for how long the oldest does.
    async fn look(&self) -> Result<(u64, Duration), Unseen> {
        let context = self.broker.jetstream();
        let stream = context.get_stream_no_info(EVENTS).await.map_err(|e| Unseen::Broker(e.into()))?;
        let info = stream.consumer_info(self.consumer).await.map_err(|e| Unseen::Broker(e.into()))?;
        let waiting = info.num_pending + info.num_ack_pending as u64;
        if waiting == 0 {
            return Ok((0, Duration::ZERO));
        }
        let Some(since) = self.oldest(&stream, info.ack_floor.stream_sequence + 1).await else {
            return Ok((waiting, Duration::ZERO));
        };
        let mut connection = self.database.connection().await?;
        let select = sqlx::query_scalar::<_, f64>(SELECT_AGE).bind(since).fetch_one(&mut *connection);
        let age = self.database.measure("select_age", select).await?;
        Ok((waiting, Duration::try_from_secs_f64(age).unwrap_or_default()))
    }

    /// When the first event from this position on was published, in seconds since 1970. It may have been finished
    /// before others that are older: then the backlog looks older than it is, by no more than one batch.
    async fn oldest(&self, stream: &Stream<()>, from: u64) -> Option<f64> {
        let mut oldest = None;
        for kind in self.kinds {
            // None of this kind waits, or the broker has gone: the next look tells.
            let Ok(first) = stream.get_first_raw_message_by_subject(format!("shop.{kind}"), from).await else {
                continue;
            };
            let second = first.time.unix_timestamp_nanos() as f64 / 1e9;
            oldest = Some(oldest.map_or(second, |before: f64| before.min(second)));
        }
        oldest
    }
}

fn unseen(error: &Unseen) {
    tracing::debug!(error = error as &dyn std::error::Error, "the backlog is not known");
}
