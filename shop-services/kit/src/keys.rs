//! The public keys of another service: fetched, kept, and fetched again when an unknown one is named.
//!
//! **Source**: JSON Web Key Sets (RFC 7517) and the advice of RFC 8725: only the configured address is asked, never
//! one that a statement names.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard, RwLock};
use tokio::time::Instant;

use crate::peer::Peer;
use crate::signature::{self, PublicKey, SignatureError, named_key};

/// Age at which keys are fetched again, without anybody waiting for it; a key that was taken away is believed for
/// that long, and until the fetch is done.
const FRESH: Duration = Duration::from_mins(5);
/// Age until which keys are believed while their service does not answer.
const STALE: Duration = Duration::from_hours(1);
/// Shortest pause after a fetch: a flood of unknown keys is no flood of fetches.
const PAUSE: Duration = Duration::from_secs(10);
/// The same after one that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Keys of one service; clones share them.
#[derive(Debug, Clone)]
pub struct Keys {
    peer: Peer,
    known: Arc<RwLock<Known>>,
    /// Who holds it fetches, but not before this moment.
    fetching: Arc<Mutex<Option<Instant>>>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<PublicKey>,
    since: Option<Instant>,
    /// How often they were fetched.
    edition: u64,
}

/// Why a statement is not believed.
#[derive(Debug, Error)]
pub enum KeysError {
    /// It is not right.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The keys cannot be had now, so nobody knows.
    #[error("the keys that check it cannot be had")]
    Unavailable,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<PublicKey>,
}

impl Keys {
    /// The keys that `peer` publishes at `/.well-known/jwks.json`; they are fetched when first needed.
    pub fn of(peer: Peer) -> Self {
        Self { peer, known: Arc::default(), fetching: Arc::default() }
    }

    /// Checks a statement of type `typ` and returns its claims.
    ///
    /// # Errors
    /// Where it is not signed by one of the keys, is something else, or the keys cannot be had.
    pub async fn verify<T: DeserializeOwned>(&self, statement: &str, typ: &str) -> Result<T, KeysError> {
        let kid = named_key(statement).ok_or(SignatureError::Malformed)?;
        let now = Instant::now();
        if !self.has(&kid, now, STALE).await {
            let turn = Arc::clone(&self.fetching).lock_owned().await;
            self.fetch(turn, &kid, STALE).await;
        } else if !self.has(&kid, now, FRESH).await {
            self.refresh(kid);
        }
        let known = self.known.read().await;
        if known.since.is_none_or(|since| now.saturating_duration_since(since) >= STALE) {
            return Err(KeysError::Unavailable);
        }
        Ok(signature::verify(statement, typ, &known.keys)?)
    }

    /// The number of the keys that are believed now; another one whenever they were fetched, and `None` where that is due.
    /// What was checked under a number holds as long as the number.
    pub async fn edition(&self) -> Option<u64> {
        let known = self.known.read().await;
        let fresh = known.since.is_some_and(|since| since.elapsed() < FRESH);
        fresh.then_some(known.edition)
    }

    /// Fetches the keys behind the requests that can do with those there are.
    fn refresh(&self, kid: String) {
        if let Ok(turn) = Arc::clone(&self.fetching).try_lock_owned() {
            let keys = self.clone();
            tokio::spawn(async move { keys.fetch(turn, &kid, FRESH).await });
        }
    }

    /// Fetches the keys, unless that was tried lately or somebody else has done it meanwhile.
    async fn fetch(&self, mut not_before: OwnedMutexGuard<Option<Instant>>, kid: &str, age: Duration) {
        let now = Instant::now();
        if not_before.is_some_and(|moment| now < moment) || self.has(kid, now, age).await {
            return;
        }
        let published = self.ask().await.inspect_err(|why| tracing::warn!(why, "the published keys cannot be had"));
        *not_before = Some(Instant::now() + if published.is_ok() { PAUSE } else { RETRY });
        if let Ok(keys) = published {
            let mut known = self.known.write().await;
            *known = Known { keys, since: Some(now), edition: known.edition + 1 };
        }
    }

    async fn ask(&self) -> Result<Vec<PublicKey>, String> {
        match self.peer.call(Method::GET, "/.well-known/jwks.json", None::<&()>).await {
            Ok((StatusCode::OK, body)) => {
                serde_json::from_slice(&body).map(|Published { keys }| keys).map_err(|e| e.to_string())
            }
            Ok((status, _)) => Err(format!("the answer was {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn has(&self, kid: &str, now: Instant, age: Duration) -> bool {
        let known = self.known.read().await;
        let fresh = known.since.is_some_and(|since| now.saturating_duration_since(since) < age);
        fresh && known.keys.iter().any(|key| key.kid == kid)
    }
}
