//! Asking the provider: once when an operation is written, and again, under the same key, while nobody knows.

use std::time::Duration;

use shop_contracts::money::Money;
use shop_contracts::psp::{OperationKind, PspRequest};
use shop_kit::pause::pause;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::provider::{Known, Provider};
use crate::read::currency;
use crate::settle::Settler;

/// Pause between two looks for operations that are due.
const PERIOD: Duration = Duration::from_millis(200);
/// Longest pause between two attempts.
const LONGEST: Duration = Duration::from_mins(1);

/// Nobody else takes what is claimed before its next attempt is due, so a killed worker is succeeded, not joined.
const CLAIM: &str = "\
UPDATE operations o SET attempts = attempts + 1,
    next_attempt_at = clock_timestamp() + make_interval(secs => $2 + least($3 * 2 ^ least(attempts, 16), $4))
FROM payments p
WHERE o.id = $1 AND o.state = 'pending' AND p.id = o.payment_id
RETURNING o.id, o.kind, o.amount, o.attempts, p.currency, p.method,
    (SELECT a.id FROM operations a WHERE a.payment_id = p.id AND a.kind = 'authorize' AND a.state = 'succeeded') AS authorization";

const LOCK_DUE: &str = "\
SELECT id FROM operations WHERE state = 'pending' AND next_attempt_at <= clock_timestamp()
ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED";

/// Asks the provider and writes down what it did.
#[derive(Debug, Clone)]
pub struct Driver {
    /// Where operations are.
    pub db: Database,
    /// Whom to ask.
    pub provider: Provider,
    /// Who writes outcomes down.
    pub settler: Settler,
    /// Pause before the second attempt.
    pub retry_delay: Duration,
    /// Attempts before a person is asked.
    pub attempts: u32,
}

/// An operation that this worker may ask for now.
struct Claimed {
    id: Uuid,
    request: PspRequest,
    attempts: u32,
}

impl Driver {
    /// Asks for operations that are due until the stop signal; replicas share the work.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let more = self.drive_due().await.unwrap_or_else(|problem| {
                tracing::warn!(detail = problem.detail(), "operations wait");
                false
            });
            if !more {
                pause(PERIOD, &stop).await;
            }
        }
    }

    /// How long an operation is left to whoever wrote it.
    pub fn lease(&self) -> Duration {
        self.provider.0.timeout() * 2 + self.retry_delay
    }

    /// Asks for one operation now; settled operations stay as they are.
    ///
    /// # Errors
    /// Where the database fails; the operation is asked for again later.
    pub async fn drive(&self, id: Uuid) -> Result<(), Problem> {
        let mut tx = self.db.begin().await?;
        let claimed = self.claim(&mut tx, id).await?;
        self.db.measure("commit", tx.commit()).await?;
        match claimed {
            Some(claimed) => self.ask(claimed).await,
            None => Ok(()),
        }
    }

    async fn drive_due(&self) -> Result<bool, Problem> {
        let mut tx = self.db.begin().await?;
        let due = sqlx::query_scalar::<_, Uuid>(LOCK_DUE).fetch_optional(&mut *tx);
        let Some(id) = self.db.measure("lock_due", due).await? else { return Ok(false) };
        let claimed = self.claim(&mut tx, id).await?;
        self.db.measure("commit", tx.commit()).await?;
        if let Some(claimed) = claimed {
            self.ask(claimed).await?;
        }
        Ok(true)
    }

    /// Asked before, the provider is first asked what became of it; only what it never saw is sent again.
    async fn ask(&self, claimed: Claimed) -> Result<(), Problem> {
        let Claimed { id, request, attempts } = claimed;
        let mut known = if attempts > 1 { self.provider.find(&request.key).await } else { Known::NeverSeen };
        if known == Known::NeverSeen {
            known = self.provider.execute(&request).await;
        }
        let mut tx = self.db.begin().await?;
        match known {
            Known::Outcome(outcome) => self.settler.settle(&mut tx, id, &outcome).await?,
            Known::Nothing(why) => self.silence(&mut tx, id, &why, (request.kind, attempts)).await?,
            // The provider was just asked to do it, so it has seen it.
            Known::NeverSeen => {}
        }
        Ok(self.db.measure("commit", tx.commit()).await?)
    }

    /// Nobody knows: the provider is asked again, or a person, after so many attempts.
    async fn silence(
        &self,
        tx: &mut sqlx::PgConnection,
        id: Uuid,
        why: &str,
        (kind, attempts): (OperationKind, u32),
    ) -> Result<(), Problem> {
        if attempts >= self.attempts {
            return self.settler.review(tx, id, &format!("unknown after {attempts} attempts: {why}")).await;
        }
        tracing::warn!(%id, attempts, why, "the outcome is unknown; the provider is asked again");
        self.settler.metrics.ended(kind.name(), "unknown");
        Ok(())
    }

    async fn claim(&self, tx: &mut sqlx::PgConnection, id: Uuid) -> Result<Option<Claimed>, Problem> {
        let claim = sqlx::query(CLAIM)
            .bind(id)
            .bind((self.provider.0.timeout() * 2).as_secs_f64())
            .bind(self.retry_delay.as_secs_f64())
            .bind(LONGEST.as_secs_f64());
        let row = self.db.measure("claim", claim.fetch_optional(tx)).await?;
        let decoded = row.as_ref().map(claimed).transpose();
        Ok(decoded.map_err(|source| DatabaseError::Operation { operation: "claim", source })?)
    }
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    let (id, name) = (row.try_get::<Uuid, _>("id")?, row.try_get::<String, _>("kind")?);
    let kind = OperationKind::ALL.into_iter().find(|k| k.name() == name);
    let kind = kind.ok_or_else(|| sqlx::Error::Decode(format!("{name} is no operation").into()))?;
    let authorizes = kind == OperationKind::Authorize;
    let request = PspRequest {
        key: id.to_string(),
        kind,
        amount: Money::new(row.try_get("amount")?, currency(row.try_get("currency")?)?),
        method: if authorizes { Some(row.try_get("method")?) } else { None },
        authorization: row.try_get::<Option<Uuid>, _>("authorization")?.filter(|_| !authorizes).map(|a| a.to_string()),
    };
    Ok(Claimed { id, request, attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs() })
}
