//! Sessions: a login, and the refresh tokens that follow from it, each good once.
//!
//! **Source**: RFC 9700 §4.14 (refresh token rotation). A token that comes a second time ends the session, for one of
//! the two who have it is a thief. There is no grace for two requests at the same time: within one, a thief who is
//! quick would keep a session of his own; a client sends one exchange at a time, and after a lost answer logs in anew.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use shop_contracts::accounts::{Hidden, Session};
use shop_kit::instant::{from_micros, seconds};
use shop_kit::{Database, DatabaseError, Identity};
use sqlx::PgConnection;
use uuid::Uuid;

const INSERT_SESSION: &str = "\
INSERT INTO sessions (id, account_id, created_at, expires_at) VALUES ($1, $2, to_timestamp($3), to_timestamp($4))";

const INSERT_TOKEN: &str = "INSERT INTO refresh_tokens (digest, session_id) VALUES ($1, $2)";

/// The session's row is locked, so that of two with the same token one comes second.
const LOCK_SESSION: &str = "\
SELECT id, account_id, revoked_at IS NULL AND expires_at > to_timestamp($2) FROM sessions
WHERE id = (SELECT session_id FROM refresh_tokens WHERE digest = $1) FOR UPDATE";

const USE_TOKEN: &str = "\
UPDATE refresh_tokens SET used_at = to_timestamp($2) WHERE digest = $1 AND used_at IS NULL";

const REVOKE: &str = "UPDATE sessions SET revoked_at = to_timestamp($2) WHERE id = $1 AND revoked_at IS NULL";

const REVOKE_ALL: &str = "\
UPDATE sessions SET revoked_at = to_timestamp($2) WHERE account_id = $1 AND revoked_at IS NULL";

const SELECT_SESSIONS: &str = "\
SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint, (extract(epoch FROM expires_at) * 1000000)::bigint,
    (extract(epoch FROM revoked_at) * 1000000)::bigint
FROM sessions WHERE account_id = $1 ORDER BY id";

/// Their tokens go with them.
const DELETE_ENDED: &str = "\
DELETE FROM sessions WHERE id IN (SELECT id FROM sessions
WHERE expires_at <= to_timestamp($1) ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Sessions that one statement deletes at most, so that no lock is held for long.
const BATCH: i64 = 1_000;

/// Begins, continues and ends sessions, each within a transaction of the caller.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Where.
    pub db: Database,
    /// Ids, times, and tokens that nobody can guess.
    pub identity: Identity,
    /// How long a session lasts.
    pub ttl: Duration,
}

/// What became of an exchange.
#[derive(Debug)]
pub enum Exchanged {
    /// The session of this account goes on with this token.
    Continued(Uuid, Hidden),
    /// The token is unknown, or its session has ended.
    Refused,
    /// The token was used before: its session has ended just now. To be committed.
    Reused,
}

impl Sessions {
    /// Begins a session and returns its first refresh token.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn begin(&self, tx: &mut PgConnection, account: Uuid) -> Result<Hidden, DatabaseError> {
        let now = self.identity.now();
        let (id, begins) = (self.identity.mint(now), seconds(now));
        let ends = begins + self.ttl.as_secs_f64();
        let insert = sqlx::query(INSERT_SESSION).bind(id).bind(account).bind(begins).bind(ends);
        self.db.measure("insert_session", insert.execute(&mut *tx)).await?;
        self.next(tx, id).await
    }

    /// Exchanges a refresh token for the next one of its session.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn exchange(&self, tx: &mut PgConnection, token: &Hidden) -> Result<Exchanged, DatabaseError> {
        let (digest, now) = (digest(token), seconds(self.identity.now()));
        let Some((id, account, alive)) = self.lock(tx, &digest, now).await? else { return Ok(Exchanged::Refused) };
        if !alive {
            return Ok(Exchanged::Refused);
        }
        let take = sqlx::query(USE_TOKEN).bind(&digest).bind(now);
        if self.db.measure("use_token", take.execute(&mut *tx)).await?.rows_affected() == 1 {
            return Ok(Exchanged::Continued(account, self.next(tx, id).await?));
        }
        tracing::warn!(session = %id, account = %account, "a used refresh token came again: its session is ended");
        self.revoke(tx, id, now).await?;
        Ok(Exchanged::Reused)
    }

    /// Ends the session of a refresh token, whichever of its tokens it is; an unknown one changes nothing.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn end(&self, tx: &mut PgConnection, token: &Hidden) -> Result<(), DatabaseError> {
        let now = seconds(self.identity.now());
        match self.lock(tx, &digest(token), now).await? {
            Some((id, ..)) => self.revoke(tx, id, now).await,
            None => Ok(()),
        }
    }

    /// Ends every session of an account.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn end_all(&self, tx: &mut PgConnection, account: Uuid) -> Result<(), DatabaseError> {
        let revoke = sqlx::query(REVOKE_ALL).bind(account).bind(seconds(self.identity.now()));
        self.db.measure("revoke_all", revoke.execute(tx)).await.map(drop)
    }

    /// The sessions of an account, the oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn list(&self, connection: &mut PgConnection, account: Uuid) -> Result<Vec<Session>, DatabaseError> {
        let select = sqlx::query_as::<_, (Uuid, i64, i64, Option<i64>)>(SELECT_SESSIONS).bind(account);
        let rows = self.db.measure("select_sessions", select.fetch_all(connection)).await?;
        let read = |(id, created, expires, revoked): (Uuid, i64, i64, Option<i64>)| {
            let (created_at, expires_at) = (from_micros(created)?, from_micros(expires)?);
            Ok(Session { id, created_at, expires_at, revoked_at: revoked.map(from_micros).transpose()? })
        };
        let odd = |source| DatabaseError::Operation { operation: "select_sessions", source };
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(odd)
    }

    /// Deletes some sessions that are over; returns how many.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_ended(&self, now: Timestamp) -> Result<u64, DatabaseError> {
        let mut connection = self.db.connection().await?;
        let delete = sqlx::query(DELETE_ENDED).bind(seconds(now)).bind(BATCH);
        Ok(self.db.measure("delete_ended", delete.execute(&mut *connection)).await?.rows_affected())
    }

    /// The session of a token, its account, and whether it is alive; locked.
    async fn lock(
        &self,
        tx: &mut PgConnection,
        digest: &[u8],
        now: f64,
    ) -> Result<Option<(Uuid, Uuid, bool)>, DatabaseError> {
        let lock = sqlx::query_as::<_, (Uuid, Uuid, bool)>(LOCK_SESSION).bind(digest).bind(now);
        self.db.measure("lock_session", lock.fetch_optional(tx)).await
    }

    async fn revoke(&self, tx: &mut PgConnection, id: Uuid, now: f64) -> Result<(), DatabaseError> {
        let revoke = sqlx::query(REVOKE).bind(id).bind(now);
        self.db.measure("revoke_session", revoke.execute(tx)).await.map(drop)
    }

    async fn next(&self, tx: &mut PgConnection, session: Uuid) -> Result<Hidden, DatabaseError> {
        let bytes: [u8; 32] = self.identity.random();
        let token = Hidden(URL_SAFE_NO_PAD.encode(bytes));
        let insert = sqlx::query(INSERT_TOKEN).bind(digest(&token)).bind(session);
        self.db.measure("insert_token", insert.execute(tx)).await?;
        Ok(token)
    }
}

/// 256 random bits need no slow hash.
fn digest(token: &Hidden) -> Vec<u8> {
    Sha256::digest(token.0.as_bytes()).to_vec()
}
