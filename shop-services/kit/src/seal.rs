//! Sealed bytes: readable only with their key, and only where they were put; keys themselves are sealed by master
//! keys, which have versions.
//!
//! **Source**: envelope encryption with AES-256-GCM (NIST SP 800-38D), random nonces of 96 bits, the place as
//! additional data, so that a sealed value cannot be moved to another row or column. Blind indexes are HMAC-SHA256.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use crate::config::Secret;
use crate::identity::Identity;

/// Length of every key here, in bytes.
pub const KEY_LEN: usize = 32;

/// Seals and opens; clones are the same key.
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([redacted])")
    }
}

/// Something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// Changed, moved to another place, or sealed by another key.
    #[error("what is sealed cannot be opened here: another key, another place, or changed")]
    Closed,
    /// The master key that sealed it is not configured.
    #[error("it is sealed by master key {version}, which is not configured: pass that one, too")]
    NoMaster {
        /// The version that would open it.
        version: i32,
    },
}

/// The configured master keys are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MasterKeysError {
    /// There is none.
    #[error(
        "no master key is configured; pass --master-key VERSION:KEY, VERSION a number and KEY 32 random bytes in base64url, as `head -c32 /dev/urandom | basenc --base64url` prints them"
    )]
    Missing,
    /// One is not understood; it is not shown.
    #[error(
        "master key number {position} is not understood; write VERSION:KEY, VERSION a number from 1 on and KEY 32 random bytes in base64url, as `head -c32 /dev/urandom | basenc --base64url` prints them"
    )]
    Malformed {
        /// Its place in the list, from 1 on.
        position: usize,
    },
    /// Two have the same version.
    #[error("two master keys have version {version}; give each its own")]
    Repeated {
        /// The version.
        version: i32,
    },
}

impl SealingKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// Never with this length; the library says so in its types only.
    pub fn new(bytes: &[u8; KEY_LEN]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::Closed)?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Seals `plain` for `place`, for example `accounts.email/ID`.
    ///
    /// # Errors
    /// Only beyond the 64 GiB that the algorithm allows.
    pub fn seal(&self, identity: &Identity, place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = identity.random();
        let mut text = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| SealError::Closed)?;
        Ok([&nonce[..], &text].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// Where it was sealed by another key or for another place, or was changed.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Closed)?;
        let mut text = text.to_vec();
        let plain = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut text)
            .map_err(|_| SealError::Closed)?;
        Ok(plain.to_vec())
    }
}

/// Master keys by version; the first one configured seals, all of them open.
#[derive(Debug, Clone)]
pub struct MasterKeys(Arc<Vec<(i32, SealingKey)>>);

impl MasterKeys {
    /// Takes the configured keys, each as `VERSION:KEY`.
    ///
    /// # Errors
    /// Where there is none, one is not understood, or a version comes twice.
    pub fn new(configured: &[Secret]) -> Result<Self, MasterKeysError> {
        let mut keys: Vec<(i32, SealingKey)> = Vec::new();
        for (at, secret) in configured.iter().enumerate() {
            let (version, key) = parse(secret.reveal()).ok_or(MasterKeysError::Malformed { position: at + 1 })?;
            if keys.iter().any(|(known, _)| *known == version) {
                return Err(MasterKeysError::Repeated { version });
            }
            keys.push((version, key));
        }
        if keys.is_empty() { Err(MasterKeysError::Missing) } else { Ok(Self(Arc::new(keys))) }
    }

    /// Version of the key that seals.
    pub fn current(&self) -> i32 {
        self.0.first().map_or(0, |(version, _)| *version)
    }

    /// Passes where the master key of this version is configured.
    ///
    /// # Errors
    /// Says which one to pass, too.
    pub fn knows(&self, version: i32) -> Result<(), SealError> {
        self.of(version).map(drop)
    }

    /// Seals a key for `place` with the current master key.
    ///
    /// # Errors
    /// None that can happen with keys.
    pub fn wrap(&self, identity: &Identity, place: &str, key: &[u8; KEY_LEN]) -> Result<Vec<u8>, SealError> {
        self.of(self.current())?.seal(identity, place, key)
    }

    /// Opens a key that the master key of this version sealed for `place`.
    ///
    /// # Errors
    /// Where that master key is not configured, or did not seal it for this place.
    pub fn unwrap(&self, version: i32, place: &str, wrapped: &[u8]) -> Result<[u8; KEY_LEN], SealError> {
        self.of(version)?.open(place, wrapped)?.try_into().map_err(|_| SealError::Closed)
    }

    fn of(&self, version: i32) -> Result<&SealingKey, SealError> {
        self.0.iter().find(|(v, _)| *v == version).map(|(_, key)| key).ok_or(SealError::NoMaster { version })
    }
}

fn parse(text: &str) -> Option<(i32, SealingKey)> {
    let (version, key) = text.trim().split_once(':')?;
    let version = version.parse().ok().filter(|v| *v > 0)?;
    let bytes = URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).ok()?;
    Some((version, SealingKey::new(&bytes.try_into().ok()?).ok()?))
}

/// Finds equal values without showing them: who has no key cannot try values out.
#[derive(Debug, Clone)]
pub struct BlindIndex(hmac::Key);

impl BlindIndex {
    /// An index under this key.
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// What stands for `value`, another for each `purpose`.
    pub fn of(&self, purpose: &str, value: &str) -> Vec<u8> {
        hmac::sign(&self.0, [purpose.as_bytes(), &[0], value.as_bytes()].concat().as_slice()).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Clock;
    use jiff::Timestamp;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn identity() -> Identity {
        Identity::new(Clock::new(|| Timestamp::UNIX_EPOCH), ChaCha8Rng::seed_from_u64(1))
    }

    fn master(version: &str, byte: u8) -> Secret {
        format!("{version}:{}", URL_SAFE_NO_PAD.encode([byte; KEY_LEN])).parse().unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_unchanged_and_no_other_way() {
        let (identity, key) = (identity(), SealingKey::new(&[1; KEY_LEN]).unwrap());
        let sealed = key.seal(&identity, "t.c/1", b"secret").unwrap();
        assert_ne!(key.seal(&identity, "t.c/1", b"secret").unwrap(), sealed, "twice is not the same");
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert_eq!(key.open("t.c/1", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("t.c/2", &sealed), Err(SealError::Closed));
        assert_eq!(SealingKey::new(&[2; KEY_LEN]).unwrap().open("t.c/1", &sealed), Err(SealError::Closed));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("t.c/1", &changed), Err(SealError::Closed), "{at}");
            assert_eq!(key.open("t.c/1", &sealed[..at]), Err(SealError::Closed), "{at}");
        }
    }

    #[test]
    fn the_first_master_key_seals_and_every_configured_one_opens() {
        let identity = identity();
        let old = MasterKeys::new(&[master("1", 1), master("2", 2)]).unwrap();
        let new = MasterKeys::new(&[master("2", 2), master("1", 1)]).unwrap();
        let wrapped = old.wrap(&identity, "k/1", &[7; KEY_LEN]).unwrap();
        assert_eq!((old.current(), new.current()), (1, 2));
        assert_eq!(new.unwrap(1, "k/1", &wrapped).unwrap(), [7; KEY_LEN]);
        assert_eq!(new.unwrap(2, "k/1", &wrapped), Err(SealError::Closed));
        let only = MasterKeys::new(&[master("2", 2)]).unwrap();
        let refused = only.unwrap(1, "k/1", &wrapped).unwrap_err();
        assert_eq!(refused, SealError::NoMaster { version: 1 });
        assert_eq!((only.knows(2), only.knows(1)), (Ok(()), Err(refused)));
        assert!(!format!("{only:?}{:?}", SealingKey::new(&[1; KEY_LEN])).contains("[1, 1"), "keys are not shown");
    }

    #[test]
    fn a_master_key_that_is_none_is_refused_in_words_that_do_not_show_it() {
        assert!(MasterKeys::new(&[]).unwrap_err().to_string().contains("--master-key VERSION:KEY"));
        for bad in ["", "1", "1:c2hvcnQ", "0:AQ", "x:AQ", "1:ä"] {
            let refused = MasterKeys::new(&[master("1", 1), bad.parse().unwrap()]).unwrap_err();
            assert_eq!(refused, MasterKeysError::Malformed { position: 2 }, "{bad}");
            assert!(refused.to_string().contains("VERSION:KEY"));
        }
        let twice = MasterKeys::new(&[master("3", 1), master("3", 2)]).unwrap_err();
        assert_eq!(twice, MasterKeysError::Repeated { version: 3 });
    }

    #[test]
    fn a_blind_index_is_the_same_for_the_same_value_and_purpose_under_one_key_only() {
        let index = BlindIndex::new(&[1; KEY_LEN]);
        assert_eq!(index.of("a", "x"), index.of("a", "x"));
        assert_eq!(index.of("a", "x").len(), 32);
        for other in [index.of("b", "x"), index.of("a", "y"), BlindIndex::new(&[2; KEY_LEN]).of("a", "x")] {
            assert_ne!(index.of("a", "x"), other);
        }
    }
}
