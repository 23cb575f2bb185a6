//! The broker: one JetStream stream for events, one for dead letters.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, PublishError};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, HeaderMap};
use thiserror::Error;

use crate::config::BrokerConfig;

/// Name of the stream of events; their subjects are `shop.` and the kind.
pub const EVENTS: &str = "SHOP";
/// Name of the stream of dead letters; their subjects are `dead.`, the consumer and the kind.
pub const DEAD: &str = "DEAD";
/// Longest wait for the broker's answer to one call.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection that restores itself; clones share it.
#[derive(Debug, Clone)]
pub struct Broker {
    context: Context,
    duplicate_window: Duration,
}

/// The broker did not do what was asked.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The URL is not one of NATS.
    #[error("the broker's URL is not understood; write nats://USER:PASSWORD@HOST:PORT")]
    Url(#[source] async_nats::ConnectError),
    /// A stream cannot be made.
    #[error("the stream {stream} cannot be made")]
    Stream {
        /// Its name.
        stream: &'static str,
        /// What the broker said.
        #[source]
        source: CreateStreamError,
    },
    /// An event was not acknowledged.
    #[error("an event for {subject} was not acknowledged")]
    Publish {
        /// Where it should go.
        subject: String,
        /// What the broker said.
        #[source]
        source: PublishError,
    },
}

impl Broker {
    /// Connects in the background: a service starts and accepts work while the broker is away, its events wait in the
    /// outbox.
    ///
    /// # Errors
    /// Where the URL is wrong.
    pub async fn connect(config: &BrokerConfig, name: &str) -> Result<Self, BrokerError> {
        let options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .reconnect_delay_callback(|attempts| Duration::from_millis(100 * (attempts.min(10) as u64 + 1)));
        let client: Client = options.connect(config.nats_url.reveal()).await.map_err(BrokerError::Url)?;
        let mut context = jetstream::new(client);
        context.set_timeout(ANSWER);
        Ok(Self { context, duplicate_window: config.duplicate_window })
    }

    /// Makes the two streams where they do not exist.
    ///
    /// # Errors
    /// Where the broker is away or refuses.
    pub async fn ensure_streams(&self) -> Result<(), BrokerError> {
        for (stream, subjects) in [(EVENTS, "shop.>"), (DEAD, "dead.>")] {
            let config = Config {
                name: stream.to_owned(),
                subjects: vec![subjects.to_owned()],
                max_age: Duration::from_hours(7 * 24),
                duplicate_window: self.duplicate_window,
                ..Config::default()
            };
            self.context.get_or_create_stream(config).await.map_err(|source| BrokerError::Stream { stream, source })?;
        }
        Ok(())
    }

    /// Publishes and waits until the broker has stored it; `id` lets it recognise a repetition.
    ///
    /// # Errors
    /// Where the broker did not acknowledge in time; it may have stored the event all the same.
    pub async fn publish(&self, subject: &str, id: &str, headers: HeaderMap, body: Vec<u8>) -> Result<(), BrokerError> {
        let failed = |source| BrokerError::Publish { subject: subject.to_owned(), source };
        let message = PublishMessage::build().headers(headers).message_id(id).payload(body.into());
        let acknowledged = self.context.send_publish(subject.to_owned(), message).await.map_err(failed)?;
        acknowledged.await.map(drop).map_err(failed)
    }

    /// JetStream itself, for consumers.
    pub fn jetstream(&self) -> &Context {
        &self.context
    }
}
