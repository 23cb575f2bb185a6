//! The service's own PostgreSQL: a small pool whose waits and operations are measured, migrations, and its health.

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shop_metrics::{self as metrics, DatabaseOperation};
use sqlx::migrate::{Migration, Migrator};
use sqlx::pool::{MaybePoolConnection, PoolConnection};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Postgres, Transaction};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::config::DatabaseConfig;
use crate::problem::Problem;

/// A connection idle for longer is asked whether it still lives before it is used, and so is one that is older than
/// the last failure of any other: a restarted database leaves the pool full of dead ones.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// A success within this time says that the database works, without asking it again.
const TRUSTED_SUCCESS: Duration = Duration::from_secs(2);
/// No statement outlives its caller for long, and each is planned once per connection, not per call: planning costs
/// more than running for the short statements of a service.
const SESSION: [(&str, &str); 2] = [("statement_timeout", "5s"), ("plan_cache_mode", "force_generic_plan")];
/// Pause between two attempts to connect at start.
const CONNECT_PAUSE: Duration = Duration::from_millis(200);

/// The pool; clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    metrics: metrics::Database,
    opened: Instant,
    last_success: Moment,
    last_failure: Moment,
}

/// Milliseconds after the pool was opened; 0 is never.
#[derive(Debug, Clone, Default)]
struct Moment(Arc<AtomicU64>);

impl Moment {
    fn set(&self, since_opened: Duration) {
        self.0.store(u64::try_from(since_opened.as_millis()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// How long ago it was, if ever.
    fn ago(&self, since_opened: Duration) -> Option<Duration> {
        let at = Duration::from_millis(self.0.load(Ordering::Relaxed));
        (!at.is_zero()).then(|| since_opened.saturating_sub(at))
    }
}

/// The database did not do what was asked.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The URL is not one of PostgreSQL.
    #[error("the database URL is not understood; write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url(#[source] sqlx::Error),
    /// It did not answer at start.
    #[error("the database did not accept a connection within {waited:?}")]
    Connect {
        /// How long it was tried.
        waited: Duration,
        /// The last failure.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("migration of the database failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// No connection was free in time.
    #[error("no database connection was free in time")]
    Busy(#[source] sqlx::Error),
    /// An operation failed.
    #[error("database operation {operation} failed")]
    Operation {
        /// Its name.
        operation: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

impl DatabaseError {
    /// True where a unique or foreign key said no: the request is wrong, not the database.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Operation { source: sqlx::Error::Database(e), .. } if e.constraint() == Some(constraint))
    }

    /// Class of the failure, for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Connect { .. } => "connect",
            Self::Migrate(_) => "migrate",
            Self::Busy(_) => "busy",
            Self::Operation { source, .. } => error_type(source),
        }
    }

    /// True where the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.reason(), "connect" | "busy" | "io" | "timeout")
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, reason = error.reason(), "database failed");
        if error.is_retryable() {
            Self::unavailable("the database is busy or away", Duration::from_secs(1))
        } else {
            Self::internal()
        }
    }
}

fn error_type(error: &sqlx::Error) -> &'static str {
    match error {
        // 57014: statement timeout; class 57P: shutdown, crash, cannot connect now.
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some("57014") => "timeout",
            Some(code) if code.starts_with("57P") => "io",
            Some(code) if code.starts_with("23") => "constraint",
            _ => "database",
        },
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => "io",
        sqlx::Error::PoolTimedOut => "busy",
        _ => "client",
    }
}

impl Database {
    /// Opens the pool, waiting for a database that is still starting.
    ///
    /// # Errors
    /// Where the URL is wrong or no connection came about in the configured time.
    pub async fn connect(config: &DatabaseConfig, metrics: metrics::Database) -> Result<Self, DatabaseError> {
        let options = PgConnectOptions::from_str(config.database_url.reveal()).map_err(DatabaseError::Url)?;
        let (opened, last_failure) = (Instant::now(), Moment::default());
        let failure = last_failure.clone();
        let pool = PgPoolOptions::new()
            .max_connections(config.database_connections)
            .acquire_timeout(config.database_acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let failed_since = failure.ago(opened.elapsed()).is_some_and(|ago| ago < meta.age);
                Box::pin(async move {
                    let trusted = meta.idle_for < TRUSTED_IDLE && !failed_since;
                    Ok(trusted || connection.ping().await.is_ok())
                })
            })
            .connect_lazy_with(options.options(SESSION));
        let database = Self { pool, metrics, opened, last_success: Moment::default(), last_failure };
        loop {
            match database.pool.acquire().await {
                Ok(_) => return Ok(database),
                Err(source) if opened.elapsed() >= config.database_connect_timeout => {
                    return Err(DatabaseError::Connect { waited: config.database_connect_timeout, source });
                }
                Err(error) => {
                    tracing::warn!(%error, "waiting for the database");
                    sleep(CONNECT_PAUSE).await;
                }
            }
        }
    }

    /// Brings the schema up to date; concurrent starters wait for each other under an advisory lock. Steps that a newer
    /// version has taken are left alone: they only add, so this version starts beside it, and after it.
    ///
    /// # Errors
    /// Where a migration fails or one that was applied has changed since.
    pub async fn migrate(&self, migrations: Vec<Migration>) -> Result<(), DatabaseError> {
        #[cfg(feature = "next")]
        let migrations = migrations.into_iter().chain([crate::next::step()]).collect();
        let mut migrator = Migrator::with_migrations(migrations);
        migrator.set_ignore_missing(true);
        migrator.run(&self.pool).await.map_err(DatabaseError::Migrate)
    }

    /// Waits for a free connection.
    ///
    /// # Errors
    /// Where none is free in time.
    pub async fn connection(&self) -> Result<PoolConnection<Postgres>, DatabaseError> {
        let since = Instant::now();
        self.metrics.wait_begins();
        // Also counts out when the request is cancelled while it waits.
        let mut waiting = Waiting { metrics: &self.metrics, got_after: None };
        let connection = self.pool.acquire().await;
        if connection.is_ok() {
            waiting.got_after = Some(since.elapsed());
        }
        drop(waiting);
        let idle = self.pool.num_idle();
        self.metrics.connections(idle, (self.pool.size() as usize).saturating_sub(idle));
        connection.map_err(DatabaseError::Busy)
    }

    /// Waits for a free connection and begins a transaction on it; dropped without a commit it is rolled back.
    ///
    /// # Errors
    /// Where no connection is free in time, or the database fails.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, DatabaseError> {
        let connection = MaybePoolConnection::PoolConnection(self.connection().await?);
        self.measure("begin", Transaction::begin(connection, None)).await
    }

    /// Measures one named operation.
    ///
    /// # Errors
    /// The operation's own error, with its name.
    pub async fn measure<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, DatabaseError> {
        let since = Instant::now();
        let outcome = work.await;
        let error_type = outcome.as_ref().err().map_or("", error_type);
        self.metrics.operation(&DatabaseOperation { db_operation_name: operation, error_type }, since.elapsed());
        match error_type {
            "" => self.last_success.set(self.opened.elapsed()),
            "constraint" | "database" => {}
            _ => self.last_failure.set(self.opened.elapsed()),
        }
        outcome.map_err(|source| DatabaseError::Operation { operation, source })
    }

    /// Says whether the database works: by a recent success, so that a busy pool is not taken for a broken database,
    /// else by asking.
    ///
    /// # Errors
    /// Says in words what failed.
    pub async fn check(&self) -> Result<(), String> {
        if self.last_success.ago(self.opened.elapsed()).is_some_and(|ago| ago < TRUSTED_SUCCESS) {
            return Ok(());
        }
        let mut connection = self.connection().await.map_err(|e| e.to_string())?;
        self.measure("ping", connection.ping()).await.map_err(|e| match e {
            DatabaseError::Operation { source, .. } => source.to_string(),
            other => other.to_string(),
        })
    }

    /// Closes the pool, waiting for operations that run.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

struct Waiting<'a> {
    metrics: &'a metrics::Database,
    got_after: Option<Duration>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.metrics.wait_ends(self.got_after);
    }
}
