//! Who works in the shop meanwhile: a clerk ships some confirmed orders and gives the money of others back, and an
//! auditor looks every minute whether what must hold at every moment does.

use std::time::Duration;

use anyhow::ensure;
use loadgen::audit::{Places, at_work};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::{Connection, PgConnection};
use test_kit::Client;
use tokio::time::{Instant, sleep, timeout};

use crate::stage::Stage;

/// Pause between two orders of the clerk's.
const PAUSE: Duration = Duration::from_secs(3);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest that the clerk insists on one thing: everything comes back within it.
const INSISTS: Duration = Duration::from_mins(3);
/// Pause between two looks of the auditor's.
const LOOKS: Duration = Duration::from_mins(1);
/// Age at which an order on its way is too old, unless a person was told.
pub(crate) const DEADLINE: Duration = Duration::from_mins(10);

const CONFIRMED: &str = "SELECT id::text FROM orders WHERE state = 'confirmed' ORDER BY md5(id::text) LIMIT 1";

/// The clerk's desk.
pub(crate) struct Desk<'a> {
    pub(crate) orders: &'a Client,
    /// URL of orders' database, for looking.
    pub(crate) database: &'a str,
    pub(crate) admin: &'a str,
    pub(crate) seed: u64,
}

impl Desk<'_> {
    /// Works until the round ends; returns how many orders were shipped and refunded.
    pub(crate) async fn work(&self, stage: &Stage<'_>) -> anyhow::Result<(u64, u64)> {
        let (mut rng, mut done) = (ChaCha8Rng::seed_from_u64(self.seed), (0, 0));
        while stage.now() + PAUSE < stage.ends {
            sleep(PAUSE).await;
            let Ok(Ok(Some(order))) = timeout(ANSWER, self.confirmed()).await else { continue };
            let ships = rng.random_bool(0.6);
            if self.insist(&order, if ships { "ship" } else { "refund" }).await? {
                *(if ships { &mut done.0 } else { &mut done.1 }) += 1;
            }
        }
        Ok(done)
    }

    async fn confirmed(&self) -> sqlx::Result<Option<String>> {
        let mut database = PgConnection::connect(self.database).await?;
        sqlx::query_scalar(CONFIRMED).fetch_optional(&mut database).await
    }

    /// Repeats one request with one key until it is answered for good; false where somebody was quicker.
    async fn insist(&self, order: &str, what: &str) -> anyhow::Result<bool> {
        let (since, bearer, key) = (Instant::now(), format!("Bearer {}", self.admin), format!("{what}-{order}"));
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key.as_str())];
        let path = format!("/v1/orders/{order}/{what}");
        loop {
            let sent = timeout(ANSWER, self.orders.send("POST", &path, &headers, None)).await;
            if let Ok(Ok(answer)) = sent {
                let runs = answer.status == 409 && answer.text().contains("idempotency-key");
                match answer.status {
                    200..300 => return Ok(true),
                    409 if !runs => return Ok(false),
                    409 | 500.. => {}
                    status => anyhow::bail!("{path} was answered {status}: {}", answer.text()),
                }
            }
            ensure!(since.elapsed() < INSISTS, "{path} was not answered for three minutes");
            sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Looks until the round ends; returns what was found broken, and when.
pub(crate) async fn audits(places: &Places, stage: &Stage<'_>) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), LOOKS);
    while next < stage.ends {
        stage.until(next).await;
        next += LOOKS;
        match timeout(ANSWER, at_work(places, DEADLINE)).await {
            Ok(Ok(report)) => {
                for finding in report.broken() {
                    found.push(format!(
                        "while at work: {:?} {}: {:?}",
                        finding.invariant, finding.rule, finding.examples
                    ));
                }
                let broken = report.broken().count();
                stage.say(&format!("audit while at work: {} rules, {broken} broken", report.findings.len()));
            }
            _ => stage.say("audit while at work: a database does not answer now"),
        }
    }
    found
}
