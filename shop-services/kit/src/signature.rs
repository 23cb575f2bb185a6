//! Signed statements: JSON that one service signs and any other can check with the public key alone.
//!
//! **Source**: JWS compact serialization (RFC 7515) with `EdDSA` over Ed25519 (RFC 8037), and the advice of RFC 8725:
//! one fixed algorithm, a type per purpose, nothing believed before the signature holds.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// Longest statement that is looked at, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// A public key as services publish it.
///
/// **Source**: JSON Web Key (RFC 7517, RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// Names the key: the beginning of its digest.
    pub kid: String,
    /// The key itself, base64url.
    pub x: String,
}

/// Signs statements of one type.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
    kid: String,
    typ: &'static str,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).field("typ", &self.typ).finish_non_exhaustive()
    }
}

/// Why a signed statement is not believed, or a key not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The configured key is not one.
    #[error(
        "the signing key is not usable; pass 32 random bytes in base64url, as `head -c32 /dev/urandom | basenc --base64url` prints them"
    )]
    Key,
    /// Not three parts of base64url, or not the JSON they should be.
    #[error("the statement is not a compact JWS")]
    Malformed,
    /// Another algorithm, type or key than is accepted here.
    #[error("the statement has another algorithm, type or key than is accepted here")]
    Unaccepted,
    /// Not signed by the key it names.
    #[error("the signature does not hold")]
    Forged,
}

impl Signer {
    /// A signer of statements of type `typ`, with the configured key.
    ///
    /// # Errors
    /// Where the key is not 32 bytes in base64url.
    pub fn new(key: &Secret, typ: &'static str) -> Result<Self, SignatureError> {
        let seed =
            URL_SAFE_NO_PAD.decode(key.reveal().trim().trim_end_matches('=')).map_err(|_| SignatureError::Key)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SignatureError::Key)?;
        let kid = kid(pair.public_key().as_ref());
        Ok(Self { pair: Arc::new(pair), kid, typ })
    }

    /// The key that checks what this signs.
    pub fn public_key(&self) -> PublicKey {
        PublicKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: self.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref()),
        }
    }

    /// Signs `claims`.
    ///
    /// # Errors
    /// Only where they cannot be written as JSON.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, serde_json::Error> {
        #[cfg(feature = "next")]
        let claims = &crate::next::more(serde_json::to_value(claims)?);
        let header = Header { alg: "EdDSA".to_owned(), typ: self.typ.to_owned(), kid: self.kid.clone() };
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?),
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?)
        );
        let signature = self.pair.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

/// The key that a statement names, believed only as far as to look for it.
pub fn named_key(statement: &str) -> Option<String> {
    let header = statement.get(..MAX_LENGTH.min(statement.len()))?.split('.').next()?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    Some(header.kid)
}

/// Checks a statement of type `typ` against the accepted keys and returns its claims.
///
/// # Errors
/// Where it is not signed by one of `keys`, or is something else.
pub fn verify<T: DeserializeOwned>(statement: &str, typ: &str, keys: &[PublicKey]) -> Result<T, SignatureError> {
    let mut parts = statement.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SignatureError::Malformed);
    };
    if statement.len() > MAX_LENGTH {
        return Err(SignatureError::Malformed);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| SignatureError::Malformed);
    let read: Header = serde_json::from_slice(&decode(header)?).map_err(|_| SignatureError::Malformed)?;
    let key = keys.iter().find(|k| k.kid == read.kid && k.kty == "OKP" && k.crv == "Ed25519");
    let (Some(key), "EdDSA") = (key, read.alg.as_str()) else { return Err(SignatureError::Unaccepted) };
    if read.typ != typ {
        return Err(SignatureError::Unaccepted);
    }
    let signed = &statement[..header.len() + 1 + claims.len()];
    UnparsedPublicKey::new(&ED25519, decode(&key.x)?)
        .verify(signed.as_bytes(), &decode(signature)?)
        .map_err(|_| SignatureError::Forged)?;
    serde_json::from_slice(&decode(claims)?).map_err(|_| SignatureError::Malformed)
}

fn kid(public: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn signer(byte: u8) -> Signer {
        Signer::new(&URL_SAFE_NO_PAD.encode([byte; 32]).parse().unwrap(), "offer+jwt").unwrap()
    }

    #[test]
    fn what_was_signed_is_believed_and_nothing_else() {
        let (ours, other) = (signer(1), signer(2));
        let keys = [ours.public_key()];
        let statement = ours.sign(&json!({"total": 7})).unwrap();
        assert_eq!(verify::<Value>(&statement, "offer+jwt", &keys).unwrap()["total"], 7);
        assert_eq!(verify::<Value>(&statement, "login+jwt", &keys), Err(SignatureError::Unaccepted));
        assert_eq!(verify::<Value>(&statement, "offer+jwt", &[other.public_key()]), Err(SignatureError::Unaccepted));
        let [header, _, signature] = statement.split('.').collect::<Vec<_>>()[..] else { panic!("{statement}") };
        let cheaper = URL_SAFE_NO_PAD.encode(r#"{"total":1}"#);
        assert_eq!(
            verify::<Value>(&format!("{header}.{cheaper}.{signature}"), "offer+jwt", &keys),
            Err(SignatureError::Forged)
        );
        let kid = &keys[0].kid;
        for alg in ["none", "HS256"] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"offer+jwt","kid":"{kid}"}}"#));
            let forged = format!("{header}.{cheaper}.{signature}");
            assert_eq!(verify::<Value>(&forged, "offer+jwt", &keys), Err(SignatureError::Unaccepted), "{alg}");
        }
        for junk in ["", "a.b", "a.b.c.d", "..", "ä.ö.ü"] {
            assert_eq!(verify::<Value>(junk, "offer+jwt", &keys), Err(SignatureError::Malformed), "{junk}");
        }
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused_in_words() {
        let refused = Signer::new(&"c2hvcnQ".parse().unwrap(), "offer+jwt").unwrap_err();
        assert!(refused.to_string().contains("32 random bytes"), "{refused}");
    }
}
