//! Passwords: Argon2id on threads of its own, no more at a time than its memory allows, a prompt no to the rest.
//!
//! **Source**: RFC 9106; the least parameters are those of OWASP's Password Storage Cheat Sheet.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use shop_contracts::accounts::Hidden;
use shop_kit::{Identity, Priority, Problem};
use shop_metrics::{Accounts, Admission, Rejected};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::PasswordConfig;
use crate::error::AccountsError;

/// Hashes passwords; clones share the limit.
#[derive(Debug, Clone)]
pub struct Hasher {
    argon: Argon2<'static>,
    /// Who holds one is in the line or at work.
    line: Arc<Semaphore>,
    /// Who holds one is at work.
    turns: Arc<Semaphore>,
    /// Compared with where there is no account, so that it takes as long and says as little.
    decoy: Arc<str>,
    identity: Identity,
    metrics: Accounts,
    demand: Admission,
}

/// Whether a password is the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right,
    /// It is, and was hashed with other parameters than are configured now: hash it anew.
    RightButOld,
    /// It is not, or there is none to compare with.
    Wrong,
}

impl Hasher {
    /// A hasher with these parameters; it hashes once, for a password that nobody has.
    ///
    /// # Errors
    /// Where the parameters are none of Argon2's.
    pub fn new(
        config: &PasswordConfig,
        identity: Identity,
        metrics: Accounts,
        demand: Admission,
    ) -> Result<Self, AccountsError> {
        let PasswordConfig { hash_memory, hash_passes, hash_lanes, hash_limit, hash_queue } = *config;
        let refused = |error: &dyn std::fmt::Display| {
            AccountsError::Settings(format!("Argon2id cannot use its parameters ({error}); 19456, 2 and 1 pass"))
        };
        let params = Params::new(hash_memory, hash_passes, hash_lanes, Some(Params::DEFAULT_OUTPUT_LEN))
            .map_err(|e| refused(&e))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody: [u8; 32] = identity.random();
        let decoy = hash(&argon, &nobody, identity.random()).map_err(|e| refused(&e))?.into();
        let limit = hash_limit.clamp(1, Semaphore::MAX_PERMITS / 2);
        metrics.set_hash_limit(limit);
        let line = limit + hash_queue.min(Semaphore::MAX_PERMITS / 2);
        let (line, turns) = (Arc::new(Semaphore::new(line)), Arc::new(Semaphore::new(limit)));
        Ok(Self { argon, line, turns, decoy, identity, metrics, demand })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// 503 where too many are waiting.
    pub async fn hash(&self, password: &Hidden) -> Result<String, Problem> {
        let (argon, salt, password) = (self.argon.clone(), self.identity.random(), password.0.clone());
        self.apart(move || hash(&argon, password.as_bytes(), salt)).await?.map_err(|error| failed(&error))
    }

    /// Compares a password with what was hashed; without that it takes as long, and is wrong.
    ///
    /// # Errors
    /// 503 where too many are waiting.
    pub async fn compare(&self, password: &Hidden, hashed: Option<String>) -> Result<Verdict, Problem> {
        let (argon, password, decoy) = (self.argon.clone(), password.0.clone(), Arc::clone(&self.decoy));
        let verdict = self.apart(move || compare(&argon, password.as_bytes(), hashed.as_deref(), &decoy)).await?;
        verdict.map_err(|error| failed(&error))
    }

    /// Works on a thread for blocking work, when it is its turn. The turn goes with the work: a client who hangs up
    /// does not make room for another while its own hash still runs.
    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let Ok(place) = Arc::clone(&self.line).try_acquire_owned() else { return Err(self.shed()) };
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return Err(Problem::internal()) };
        let metrics = self.metrics.clone();
        let working = tokio::task::spawn_blocking(move || {
            let _held: [OwnedSemaphorePermit; 2] = [place, turn];
            let since = Instant::now();
            metrics.hashing();
            let done = work();
            metrics.hashed(since.elapsed());
            done
        });
        working.await.map_err(|error| failed(&error))
    }

    fn shed(&self) -> Problem {
        self.demand.rejected(&Rejected { reason: "shed", priority: Priority::High.label() });
        Problem::unavailable("too many passwords are waiting to be checked", Duration::from_secs(1))
    }
}

fn hash(argon: &Argon2<'_>, password: &[u8], salt: [u8; 16]) -> Result<String, argon2::password_hash::Error> {
    argon.hash_password_with_salt(password, &salt).map(|hash| hash.to_string())
}

fn compare(
    argon: &Argon2<'_>,
    password: &[u8],
    hashed: Option<&str>,
    decoy: &str,
) -> Result<Verdict, argon2::password_hash::Error> {
    let parsed = PasswordHash::new(hashed.unwrap_or(decoy)).map_err(argon2::password_hash::Error::from)?;
    match argon.verify_password(password, &parsed) {
        Ok(()) if hashed.is_none() => Ok(Verdict::Wrong),
        Ok(()) if Params::try_from(&parsed)? == *argon.params() => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a password cannot be hashed");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use shop_kit::Clock;
    use shop_kit::process::ThisProcess;
    use shop_metrics::{Build, ShopMetrics};

    fn hasher(memory: u32, limit: usize, queue: usize) -> (Hasher, ShopMetrics) {
        let mut metrics = ShopMetrics::new(&Build { service_name: "accounts", version: "0" }, ThisProcess);
        let config =
            PasswordConfig { hash_memory: memory, hash_passes: 2, hash_lanes: 1, hash_limit: limit, hash_queue: queue };
        let identity = Identity::new(Clock::new(|| Timestamp::UNIX_EPOCH), ChaCha8Rng::seed_from_u64(1));
        let families = Accounts::register(&mut metrics);
        (Hasher::new(&config, identity, families, metrics.admission.clone()).unwrap(), metrics)
    }

    fn hidden(text: &str) -> Hidden {
        Hidden(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_itself_passes_and_old_parameters_are_noticed() {
        let ((now, _), (before, _)) = (hasher(19_456, 1, 1), hasher(8_192, 1, 1));
        let (new, old) = (now.hash(&hidden("a b c d e f")).await.unwrap(), before.hash(&hidden("x")).await.unwrap());
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
        assert_ne!(new, now.hash(&hidden("a b c d e f")).await.unwrap(), "each has its own salt");
        for (password, hashed, verdict) in [
            ("a b c d e f", Some(&new), Verdict::Right),
            ("a b c d e F", Some(&new), Verdict::Wrong),
            ("x", Some(&old), Verdict::RightButOld),
            ("y", Some(&old), Verdict::Wrong),
            ("x", None, Verdict::Wrong),
        ] {
            assert_eq!(now.compare(&hidden(password), hashed.cloned()).await.unwrap(), verdict, "{password}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_than_the_limit_hash_and_no_more_than_the_queue_wait() {
        let (hasher, metrics) = hasher(19_456, 1, 1);
        let (at_work, works) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let hasher = hasher.clone();
            async move {
                hasher
                    .apart(move || {
                        at_work.send(()).unwrap();
                        gone.recv().unwrap();
                    })
                    .await
            }
        });
        works.recv().unwrap();
        let second = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.hash(&hidden("waits for its turn")).await }
        });
        while hasher.line.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(metrics.render().unwrap().contains("shop_password_hash_inflight 1"), "the second waits");
        assert_eq!(hasher.hash(&hidden("too much")).await.unwrap_err().status(), 503);
        first.abort(); // the client hangs up, the work goes on
        assert_eq!(hasher.hash(&hidden("still too much")).await.unwrap_err().status(), 503);
        go.send(()).unwrap();
        second.await.unwrap().unwrap();
        let text = metrics.render().unwrap();
        assert!(text.contains(r#"shop_requests_rejected_total{reason="shed",priority="high"} 2"#), "{text}");
        assert!(text.contains("shop_password_hash_limit 1"), "{text}");
    }
}
