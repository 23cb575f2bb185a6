//! The trainer: when the model is old, or knows somebody who was erased, the next is trained by one replica.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shop_kit::pause::pause;
use shop_kit::{Clock, Database};
use shop_metrics::Recommendations;
use sqlx::PgConnection;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::config::Schedule;
use crate::error::TrainError;
use crate::history::{baskets, delete_old, forgotten};
use crate::holdout::measure;
use crate::model::train;
use crate::publish::{Latest, Trained, latest, publish};

/// History and erasures are read as they are at one moment, and a long history takes longer than a request may.
const BEGIN: [&str; 2] = ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET LOCAL statement_timeout = '60s'"];

/// One replica trains at a time; the lock goes with the transaction.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('train', 0))";

/// Trains models.
#[derive(Debug, Clone)]
pub struct Trainer {
    /// Where the history is, and models go.
    pub db: Database,
    /// Tells when.
    pub clock: Clock,
    /// The model's age.
    pub metrics: Recommendations,
    /// When, and from what.
    pub schedule: Schedule,
}

impl Trainer {
    /// Trains until the stop signal; a training at work is finished.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.round(self.clock.now()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the model stays as it is");
            }
            pause(self.schedule.train_check_period, &stop).await;
        }
    }

    /// Trains where it is due as of `now` and no other replica is at it; returns the version of the new model.
    ///
    /// # Errors
    /// Where the database or the calculation fails; then the model stays as it is.
    pub async fn round(&self, now: Timestamp) -> Result<Option<i64>, TrainError> {
        let since = now.checked_sub(signed(self.schedule.history)).unwrap_or(Timestamp::MIN);
        delete_old(&self.db, since).await?;
        let mut tx = self.db.begin().await?;
        for statement in BEGIN {
            self.db.measure("begin_training", sqlx::query(statement).execute(&mut *tx)).await?;
        }
        let locked = sqlx::query_scalar::<_, bool>(LOCK).fetch_one(&mut *tx);
        if !self.db.measure("lock_training", locked).await? {
            return Ok(None);
        }
        let (last, forgotten) = (latest(&self.db, &mut tx).await?, forgotten(&self.db, &mut tx).await?);
        if let Some(last) = last {
            self.metrics.trained(last.trained_at.as_second());
        }
        if !is_due(now, last, forgotten, &self.schedule) {
            return Ok(None);
        }
        let trained = self.train(&mut tx, now, since, forgotten).await?;
        if trained.baskets == 0 && last.is_none() {
            return Ok(None);
        }
        let version = publish(&self.db, &mut tx, &trained).await?;
        self.db.measure("commit", tx.commit()).await?;
        self.metrics.trained(now.as_second());
        tell(version, &trained);
        Ok(Some(version))
    }

    /// Reads the history and learns from it, beside the requests that are served meanwhile.
    async fn train(
        &self,
        tx: &mut PgConnection,
        now: Timestamp,
        since: Timestamp,
        forgotten: i64,
    ) -> Result<Trained, TrainError> {
        let history = baskets(&self.db, tx, since, self.schedule.train_lines).await?;
        let (baskets, learned) = (history.len(), move || (measure(&history, now), train(&history, now)));
        let (rates, model) = spawn_blocking(learned).await?;
        Ok(Trained { model, rates, at: now, forgotten, baskets })
    }
}

/// True where there is no model, it is old, or somebody was erased since and it is no longer quite young.
fn is_due(now: Timestamp, last: Option<Latest>, forgotten: i64, schedule: &Schedule) -> bool {
    let Some(last) = last else { return true };
    let period = if forgotten > last.forgotten {
        schedule.train_period.min(schedule.forget_within)
    } else {
        schedule.train_period
    };
    now.duration_since(last.trained_at) >= signed(period)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn tell(version: i64, trained: &Trained) {
    let (products, baskets) = (trained.model.neighbours.len(), trained.baskets);
    let rates = trained.rates.map(|rates| (rates.orders, rates.model, rates.popular));
    let (held_out, hit_rate, popular_hit_rate) = rates.unwrap_or_default();
    tracing::info!(version, products, baskets, held_out, hit_rate, popular_hit_rate, "a model was trained");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        train_period: Duration::from_hours(1),
        forget_within: Duration::from_mins(5),
        train_check_period: Duration::from_secs(10),
        history: Duration::from_hours(24),
        train_lines: 10,
    };

    #[test]
    fn a_model_is_due_when_it_is_old_and_sooner_when_somebody_was_erased() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let last = Latest { version: 1, trained_at: at(0), forgotten: 3 };
        let due = |minute, forgotten| is_due(at(minute), Some(last), forgotten, &SCHEDULE);
        assert!(is_due(at(0), None, 0, &SCHEDULE));
        assert_eq!([59, 60].map(|minute| due(minute, 3)), [false, true]);
        assert_eq!([4, 5].map(|minute| due(minute, 4)), [false, true]);
        let rare = Schedule { train_period: Duration::from_mins(1), ..SCHEDULE };
        assert!(is_due(at(1), Some(last), 4, &rare), "an erasure puts nothing off");
    }
}
