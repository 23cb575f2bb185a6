//! Events: every one is in the broker's stream, every consumer has taken its own, none was laid aside.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self};
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::places::{Books, Places};
use super::{AuditError, Finding, Invariant};

/// Streams of events and of dead letters, as the services name them.
const EVENTS: &str = "SHOP";
const DEAD: &str = "DEAD";
/// Longest wait for the next event while the stream is read.
const NEXT: Duration = Duration::from_secs(2);

const WAITING: &str = "SELECT id::text FROM outbox WHERE published_at IS NULL ORDER BY position";
const PUBLISHED: &str = "SELECT id FROM outbox WHERE published_at > clock_timestamp() - interval '23 hours'";
const APPLIED: &str = "SELECT event_id FROM inbox";
const TOLD: &str =
    "SELECT id FROM outbox WHERE kind LIKE 'order.%' AND published_at > clock_timestamp() - interval '23 hours'";
const WRITTEN: &str = "SELECT event_id, count(*) FROM notifications GROUP BY event_id";

pub(super) async fn check(places: &Places, books: &mut Books) -> Result<Vec<Finding>, AuditError> {
    let (mut waiting, mut published, mut applied) = (Vec::new(), Vec::new(), Vec::new());
    for service in books.services() {
        let rows: Vec<(String,)> = books.rows(&service, WAITING).await?;
        waiting.extend(rows.into_iter().map(|(id,)| format!("{service} {id}")));
        let rows: Vec<(Uuid,)> = books.rows(&service, PUBLISHED).await?;
        published.extend(rows.into_iter().map(|(id,)| (service.clone(), id)));
        let rows: Vec<(Uuid,)> = books.rows(&service, APPLIED).await?;
        applied.extend(rows.into_iter().map(|(id,)| (service.clone(), id)));
    }
    let told: Vec<(Uuid,)> = books.rows("orders", TOLD).await?;
    let written: std::collections::BTreeMap<Uuid, i64> =
        books.rows::<(Uuid, i64)>("notifications", WRITTEN).await?.into_iter().collect();
    let client = async_nats::connect(&places.broker).await.map_err(broker)?;
    let context = jetstream::new(client);
    let stream = context.get_stream(EVENTS).await.map_err(broker)?;
    let ids = ids(&stream).await?;
    let absent = |all: &[(String, Uuid)]| -> Vec<String> {
        all.iter().filter(|(_, id)| !ids.contains(id)).map(|(service, id)| format!("{service} {id}")).collect()
    };
    let unwritten = told.iter().filter(|(id,)| written.get(id) != Some(&1)).map(|(id,)| id.to_string()).collect();
    let i5 = |rule, broken| Finding::of(Invariant::I5, rule, broken);
    Ok(vec![
        i5("no event waits to be published", waiting),
        i5("what was published is in the stream", absent(&published)),
        i5("nothing was applied that nobody published", absent(&applied)),
        i5("no consumer has events to take", behind(&stream).await?),
        i5("no event was laid aside as poison", dead(&context).await?),
        i5("the customer is told of each turn of an order once", unwritten),
    ])
}

fn broker(error: impl std::fmt::Display) -> AuditError {
    AuditError::Broker(error.to_string())
}

/// The id of every event in the stream.
async fn ids(stream: &Stream) -> Result<BTreeSet<Uuid>, AuditError> {
    let state = stream.get_info().await.map_err(broker)?.state;
    let config = pull::Config {
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::All,
        headers_only: true,
        inactive_threshold: Duration::from_secs(30),
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(broker)?;
    let mut messages = consumer.messages().await.map_err(broker)?;
    let mut ids = BTreeSet::new();
    for _ in 0..state.messages {
        let next = tokio::time::timeout(NEXT, messages.next()).await;
        let Ok(Some(message)) = next else { break };
        let message = message.map_err(broker)?;
        let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
        ids.extend(id.and_then(|id| id.as_str().parse::<Uuid>().ok()));
    }
    Ok(ids)
}

/// Durable consumers that have not taken everything.
async fn behind(stream: &Stream) -> Result<Vec<String>, AuditError> {
    let consumers: Vec<_> = stream.consumers().try_collect().await.map_err(broker)?;
    let late = consumers.into_iter().filter(|info| info.config.durable_name.is_some());
    let late = late.filter(|info| info.num_pending > 0 || info.num_ack_pending > 0);
    Ok(late
        .map(|info| format!("{}: {} to take, {} at work", info.name, info.num_pending, info.num_ack_pending))
        .collect())
}

/// How many events were laid aside.
async fn dead(context: &jetstream::Context) -> Result<Vec<String>, AuditError> {
    let stream = context.get_stream(DEAD).await.map_err(broker)?;
    let count = stream.get_info().await.map_err(broker)?.state.messages;
    Ok((count > 0).then(|| format!("{count} in {DEAD}")).into_iter().collect())
}
