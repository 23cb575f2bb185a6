//! Where databases, broker, provider and gateway are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::AuditError;
use crate::connection::{Answer, Connection, Message};

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The file of places, as `make shop` writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// URL of the gateway.
    pub gateway: String,
    /// URL of the broker.
    pub broker: String,
    /// URL of the payment provider, where it can be asked.
    pub provider: Option<String>,
    /// URLs of the services' databases, by service.
    pub databases: BTreeMap<String, String>,
    /// URLs of the services themselves: pricing is asked for the keys of its quotes.
    pub services: BTreeMap<String, String>,
}

impl Places {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AuditError::Places`].
    pub fn read(path: &Path) -> Result<Self, AuditError> {
        let failed = |source| AuditError::Places(path.display().to_string(), source);
        let text = std::fs::read_to_string(path).map_err(|_| failed(None))?;
        toml::from_str(&text).map_err(|error| failed(Some(error)))
    }

    /// Opens a connection to every database.
    pub(super) async fn open(&self) -> Result<Books, AuditError> {
        let mut connections = BTreeMap::new();
        for (service, url) in &self.databases {
            let opened = PgConnection::connect(url).await;
            connections.insert(service.clone(), opened.map_err(|source| failed(service, "connect", source))?);
        }
        Ok(Books(connections))
    }
}

fn failed(service: &str, rule: &str, source: sqlx::Error) -> AuditError {
    AuditError::Database { service: service.to_owned(), rule: rule.to_owned(), source }
}

/// A connection to each database.
pub(super) struct Books(BTreeMap<String, PgConnection>);

impl Books {
    /// Services that have one.
    pub(super) fn services(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The rows that a statement selects from the database of `service`.
    pub(super) async fn rows<T>(&mut self, service: &str, statement: &'static str) -> Result<Vec<T>, AuditError>
    where
        T: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
    {
        let missing = || failed(service, "connect", sqlx::Error::Configuration("no database of this name".into()));
        let connection = self.0.get_mut(service).ok_or_else(missing)?;
        let rows = sqlx::query_as::<_, T>(statement).fetch_all(connection).await;
        rows.map_err(|source| failed(service, statement, source))
    }
}

/// Asks whoever is at this URL.
pub(super) async fn ask(url: &str, message: Message) -> Result<Answer, AuditError> {
    let door = |said: String| AuditError::Door { url: format!("{url}{}", message.path), said };
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let address: SocketAddr = authority.parse().map_err(|_| door("it is no http://ADDRESS:PORT".to_owned()))?;
    let answer = Connection::new(address).send(&message, Instant::now() + TIMEOUT).await;
    answer.map_err(|outcome| door(outcome.label().to_owned()))
}

/// Asks for a JSON document.
pub(super) async fn document(url: &str, path: &str) -> Result<Value, AuditError> {
    let answer = ask(url, Message { keeps_body: true, ..Message::get(path) }).await?;
    let read = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
    read.ok_or_else(|| AuditError::Door { url: format!("{url}{path}"), said: format!("status {}", answer.status) })
}
