//! Events: what happened, written into the outbox in the transaction that made it happen.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::database::{Database, DatabaseError};
use crate::telemetry;

const INSERT_EVENT: &str = "INSERT INTO outbox (id, kind, body, traceparent) VALUES ($1, $2, $3, $4)";

const INSERT_EVENTS: &str = "\
INSERT INTO outbox (id, kind, body, traceparent)
SELECT id, kind, body, $4 FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) AS event (id, kind, body)";

/// Something that happened. Events carry ids and amounts, never personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `UUIDv7`; the same for every delivery.
    pub id: Uuid,
    /// What happened, `noun.verb-in-the-past`.
    pub kind: String,
    /// Version of the shape of `data`.
    pub version: u16,
    /// When it happened.
    pub at: Timestamp,
    /// What there is to know, in the shape of `kind` and `version`.
    pub data: Value,
}

impl Event {
    /// An event of version 1.
    ///
    /// # Errors
    /// Only where `data` cannot be written as JSON, which no wire type of ours can cause.
    pub fn new(id: Uuid, kind: &str, at: Timestamp, data: &impl Serialize) -> Result<Self, serde_json::Error> {
        let data = serde_json::to_value(data)?;
        #[cfg(feature = "next")]
        let data = crate::next::more(data);
        Ok(Self { id, kind: kind.to_owned(), version: 1, at, data })
    }

    /// The data, where the version is one that the reader knows.
    ///
    /// # Errors
    /// Says in words that the version is unknown or the data have another shape.
    pub fn read<T: DeserializeOwned>(&self, version: u16) -> Result<T, String> {
        if self.version != version {
            return Err(format!("{} has version {}; this service knows {version}", self.kind, self.version));
        }
        T::deserialize(&self.data).map_err(|e| format!("{} does not have its shape: {e}", self.kind))
    }

    /// Writes it into the outbox of this transaction, with the trace it belongs to; the relay publishes it after the
    /// commit.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record(&self, db: &Database, tx: &mut PgConnection) -> Result<(), DatabaseError> {
        let insert = sqlx::query(INSERT_EVENT)
            .bind(self.id)
            .bind(&self.kind)
            .bind(Json(self))
            .bind(telemetry::current_traceparent());
        db.measure("insert_event", insert.execute(tx)).await.map(drop)
    }

    /// Writes many at once, in their order.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_all(events: &[Self], db: &Database, tx: &mut PgConnection) -> Result<(), DatabaseError> {
        let insert = sqlx::query(INSERT_EVENTS)
            .bind(events.iter().map(|e| e.id).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>())
            .bind(events.iter().map(Json).collect::<Vec<_>>())
            .bind(telemetry::current_traceparent());
        db.measure("insert_events", insert.execute(tx)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Made {
        size: u8,
    }

    #[test]
    fn a_reader_refuses_versions_and_shapes_it_does_not_know() {
        let at = Timestamp::UNIX_EPOCH;
        let event = Event::new(Uuid::nil(), "thing.made", at, &serde_json::json!({"size": 3})).unwrap();
        assert_eq!(event.read::<Made>(1).unwrap().size, 3);
        assert!(event.read::<Made>(2).unwrap_err().contains("version 1; this service knows 2"));
        let odd = Event { data: serde_json::json!({"size": "big"}), ..event };
        assert!(odd.read::<Made>(1).unwrap_err().contains("thing.made does not have its shape"));
    }
}
