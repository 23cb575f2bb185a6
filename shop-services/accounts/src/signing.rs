//! The keys that sign tokens: published before they sign, believed until the last token is over, the same for every
//! replica.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use shop_kit::access::ACCESS_TYPE;
use shop_kit::instant::{from_micros, seconds};
use shop_kit::pause::pause;
use shop_kit::seal::KEY_LEN;
use shop_kit::signature::{PublicKey, Signer};
use shop_kit::{Database, DatabaseError, Identity, Problem, Secret};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::config::SigningConfig;
use crate::error::VaultError;
use crate::vault::Vault;

/// Replicas change keys one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('signing-keys', 0))";

const INSERT: &str = "INSERT INTO signing_keys (kid, signs_from) VALUES ($1, to_timestamp($2))";

const SELECT: &str = "\
SELECT kid, (extract(epoch FROM signs_from) * 1000000)::bigint FROM signing_keys ORDER BY signs_from";

/// Keys whose successor has signed for so long that no token of theirs is valid.
const DELETE_OVER: &str = "\
DELETE FROM signing_keys k WHERE EXISTS (SELECT FROM signing_keys n
WHERE n.signs_from > k.signs_from AND n.signs_from <= to_timestamp($1)) RETURNING kid";

/// The keys as one replica last saw them; clones share them.
#[derive(Debug, Clone)]
pub struct Ring {
    db: Database,
    vault: Vault,
    identity: Identity,
    config: SigningConfig,
    access_ttl: Duration,
    seen: Arc<RwLock<Option<Seen>>>,
}

#[derive(Debug)]
struct Seen {
    /// In the order in which they sign.
    keys: Vec<(Timestamp, Signer)>,
    at: Timestamp,
}

/// Whether a new key is wanted though the present one is young.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// When its time has come.
    Due,
    /// Now, unless one waits already.
    Wanted,
}

impl Ring {
    /// No key seen yet: look before signing.
    pub fn new(db: Database, vault: Vault, identity: Identity, config: SigningConfig, access_ttl: Duration) -> Self {
        Self { db, vault, identity, config, access_ttl, seen: Arc::default() }
    }

    /// Looks at the keys, makes the first or the next one where it is time, and deletes those that are over.
    ///
    /// # Errors
    /// Where the database fails or a key cannot be opened.
    pub async fn turn(&self, rotation: Rotation) -> Result<(), VaultError> {
        let now = self.identity.now();
        let mut tx = self.db.begin().await?;
        self.db.measure("lock_signing_keys", sqlx::query(LOCK).execute(&mut *tx)).await?;
        if let Some(from) = self.next_signs_from(self.list(&mut tx).await?.last().map(|k| k.1), rotation, now) {
            self.add(&mut tx, from).await?;
        }
        self.delete_over(&mut tx, now).await?;
        let mut keys = Vec::new();
        for (kid, from) in self.list(&mut tx).await? {
            let place = place(&kid);
            let seed = self.vault.key(&mut tx, &place).await?.ok_or(VaultError::Odd { place })?;
            keys.push((from, signer(&seed)?));
        }
        self.db.measure("commit", tx.commit()).await?;
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Some(Seen { keys, at: now });
        Ok(())
    }

    /// Signs with the latest key whose time has come.
    ///
    /// # Errors
    /// 503 where the keys were not seen for so long that another one may sign elsewhere by now.
    pub fn sign(&self, claims: &impl Serialize, now: Timestamp) -> Result<String, Problem> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let current = seen.as_ref().filter(|seen| now < later(seen.at, self.config.key_lead));
        let signer = current.and_then(|seen| seen.keys.iter().rfind(|(from, _)| *from <= now));
        let Some((_, signer)) = signer else {
            return Err(Problem::unavailable("the keys that sign tokens cannot be had", Duration::from_secs(5)));
        };
        signer.sign(claims).map_err(|_| Problem::internal())
    }

    /// The keys that check tokens now, those that wait for their time among them.
    pub fn published(&self) -> Vec<PublicKey> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.iter().flat_map(|seen| &seen.keys).map(|(_, signer)| signer.public_key()).collect()
    }

    /// Looks again and again until the stop signal.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            pause(self.config.key_period, &stop).await;
            if let Err(error) = self.turn(Rotation::Due).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the signing keys are looked at later");
            }
        }
    }

    /// From when on a new key signs, where one is to be made; the first of all signs at once, for nobody has others.
    fn next_signs_from(&self, last: Option<Timestamp>, rotation: Rotation, now: Timestamp) -> Option<Timestamp> {
        let Some(last) = last else { return Some(now) };
        let due = now >= later(last, self.config.key_rotation);
        let wanted = rotation == Rotation::Wanted && last <= now;
        (due || wanted).then(|| later(now, self.config.key_lead))
    }

    async fn add(&self, tx: &mut PgConnection, from: Timestamp) -> Result<(), VaultError> {
        let seed: [u8; KEY_LEN] = self.identity.random();
        let kid = signer(&seed)?.public_key().kid;
        self.vault.put(&mut *tx, &place(&kid), &seed).await?;
        let insert = sqlx::query(INSERT).bind(&kid).bind(seconds(from));
        self.db.measure("insert_signing_key", insert.execute(tx)).await?;
        tracing::info!(kid, %from, "a new key is published and will sign");
        Ok(())
    }

    async fn delete_over(&self, tx: &mut PgConnection, now: Timestamp) -> Result<(), VaultError> {
        // The lead once more, for clocks that differ and replicas that look late.
        let over = seconds(now) - (self.access_ttl + self.config.key_lead).as_secs_f64();
        let delete = sqlx::query_scalar::<_, String>(DELETE_OVER).bind(over);
        for kid in self.db.measure("delete_signing_keys", delete.fetch_all(&mut *tx)).await? {
            self.vault.forget(&mut *tx, &place(&kid)).await?;
            tracing::info!(kid, "a key is over: none of its tokens is valid any more");
        }
        Ok(())
    }

    async fn list(&self, tx: &mut PgConnection) -> Result<Vec<(String, Timestamp)>, DatabaseError> {
        let select = sqlx::query_as::<_, (String, i64)>(SELECT);
        let rows = self.db.measure("select_signing_keys", select.fetch_all(tx)).await?;
        let read = |(kid, micros)| Ok((kid, from_micros(micros)?));
        let odd = |source| DatabaseError::Operation { operation: "select_signing_keys", source };
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(odd)
    }
}

fn signer(seed: &[u8; KEY_LEN]) -> Result<Signer, VaultError> {
    let secret: Secret =
        URL_SAFE_NO_PAD.encode(seed).parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    Ok(Signer::new(&secret, ACCESS_TYPE)?)
}

fn place(kid: &str) -> String {
    format!("signing/{kid}")
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
