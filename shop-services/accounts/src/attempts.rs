//! Attempts: how often somebody may be wrong, per account and per network, counted for all replicas together.
//!
//! **Source**: the sliding-window counter: the last window counts as far as it still reaches into the present one.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::PgConnection;

use crate::config::AttemptConfig;
use crate::error::known;
use crate::vault::Vault;

/// Counts one and says how many there are, in this period and in the last.
const COUNT: &str = "\
INSERT INTO attempts (subject, period, count) VALUES ($1, $2, 1)
ON CONFLICT (subject, period) DO UPDATE SET count = attempts.count + 1
RETURNING count, coalesce((SELECT a.count FROM attempts a WHERE a.subject = $1 AND a.period = $2 - 1), 0)";

const TAKE_BACK: &str = "UPDATE attempts SET count = count - 1 WHERE subject = $1 AND period = $2 AND count > 0";

const FORGET: &str = "DELETE FROM attempts WHERE subject = $1";

const DELETE_OLD: &str = "DELETE FROM attempts WHERE period < $1";

/// What the blind indexes of addresses are for here.
const OF_ACCOUNT: &str = "attempt.account";

/// Counts attempts.
#[derive(Debug, Clone)]
pub struct Attempts {
    /// Where.
    pub db: Database,
    /// Makes digests of addresses, which are personal, too.
    pub vault: Vault,
    /// How many.
    pub config: AttemptConfig,
}

/// An attempt that is counted as a wrong one until it is taken back.
#[derive(Debug)]
#[must_use = "a right one does not count: take it back"]
pub struct Attempt {
    subjects: Vec<Vec<u8>>,
    period: i64,
}

impl Attempts {
    /// Counts an attempt for an account, where it is about one, and from a network, before it is looked at: many at the
    /// same time are no way around the limit.
    ///
    /// # Errors
    /// `too-many-attempts`, which counts no further, or where the database fails.
    pub async fn begin(&self, email: Option<&str>, network: IpAddr, now: Timestamp) -> Result<Attempt, Problem> {
        let AttemptConfig { attempts_per_account, attempts_per_address, attempt_window, trusted_hops: _ } = self.config;
        let window = i64::try_from(attempt_window.as_secs()).unwrap_or(i64::MAX).max(1);
        let (period, gone) = (now.as_second().div_euclid(window), now.as_second().rem_euclid(window));
        let mut attempt = Attempt { subjects: Vec::new(), period };
        let of_account = email.map(|email| (OF_ACCOUNT, email.to_owned(), attempts_per_account));
        for (purpose, value, most) in
            of_account.into_iter().chain([("attempt.network", network.to_string(), attempts_per_address)])
        {
            let subject = self.vault.blind(purpose, &value);
            let (count, last) = self.count(&subject, period).await?;
            attempt.subjects.push(subject);
            // Of the last window that part counts which the sliding one still covers.
            let reaching = last * (window - gone) / window;
            if count + reaching > i64::from(most) {
                self.take_back(attempt).await?;
                let after = Duration::from_secs((window - gone).unsigned_abs());
                let detail = "wait, and be sure that the credentials are right";
                return Err(known(ErrorCode::TooManyAttempts, detail).retry_after(after));
            }
        }
        Ok(attempt)
    }

    /// The attempt was none that counts.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn take_back(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        let mut connection = self.db.connection().await?;
        for subject in attempt.subjects {
            let update = sqlx::query(TAKE_BACK).bind(subject).bind(attempt.period);
            self.db.measure("take_back", update.execute(&mut *connection)).await?;
        }
        Ok(())
    }

    /// Deletes what was counted for an account.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn forget(&self, tx: &mut PgConnection, email: &str) -> Result<(), DatabaseError> {
        let delete = sqlx::query(FORGET).bind(self.vault.blind(OF_ACCOUNT, email));
        self.db.measure("forget_attempts", delete.execute(tx)).await.map(drop)
    }

    /// Deletes what counts no more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_old(&self, now: Timestamp) -> Result<(), DatabaseError> {
        let window = i64::try_from(self.config.attempt_window.as_secs()).unwrap_or(i64::MAX).max(1);
        let mut connection = self.db.connection().await?;
        let delete = sqlx::query(DELETE_OLD).bind(now.as_second().div_euclid(window) - 1);
        self.db.measure("delete_old_attempts", delete.execute(&mut *connection)).await.map(drop)
    }

    async fn count(&self, subject: &[u8], period: i64) -> Result<(i64, i64), DatabaseError> {
        let mut connection = self.db.connection().await?;
        let count = sqlx::query_as::<_, (i64, i64)>(COUNT).bind(subject).bind(period);
        self.db.measure("count_attempt", count.fetch_one(&mut *connection)).await
    }
}
