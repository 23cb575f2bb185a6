//! Tokens of users: who calls, signed by the service that knows users and checked again by every service.
//!
//! **Source**: access tokens as JWT (RFC 9068) with the advice of RFC 8725: one algorithm, `typ`, `iss`, `aud`, `nbf`
//! and `exp` are all checked.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::AccessConfig;
use crate::keys::{Keys, KeysError};
use crate::mutual::Credentials;
use crate::peer::{Peer, PeerError};
use crate::problem::Problem;
use crate::verified::Verified;

/// The type of users' tokens.
pub const ACCESS_TYPE: &str = "at+jwt";
/// How far two clocks may be apart, in seconds.
const SKEW: i64 = 5;

/// What a user's token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who signed it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// The user.
    pub sub: Uuid,
    /// First second in which it is valid, since 1970.
    pub nbf: i64,
    /// First second in which it is not valid any more, since 1970.
    pub exp: i64,
}

impl AccessClaims {
    /// True where `issuer` signed them for `audience` and they are valid now.
    pub fn hold(&self, issuer: &str, audience: &str, now: Timestamp) -> bool {
        let second = now.as_second();
        let current = second + SKEW >= self.nbf && second < self.exp;
        current && self.iss == issuer && self.aud == audience
    }
}

/// The token in `Authorization: Bearer TOKEN`.
///
/// # Errors
/// 401 where there is none.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.split_once(' '));
    match sent {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::unauthorized("send Authorization: Bearer TOKEN")),
    }
}

/// Checks users' tokens; clones share the keys and what was checked already.
#[derive(Debug, Clone)]
pub struct Access {
    keys: Keys,
    verified: Verified<AccessClaims>,
    issuer: String,
    audience: String,
}

impl Access {
    /// Checks with the keys that `issuer` publishes. With credentials, it is the service of that name that is asked.
    ///
    /// # Errors
    /// Where the peer cannot be called at all.
    pub fn new(
        config: &AccessConfig,
        timeout: Duration,
        metrics: shop_metrics::Calls,
        credentials: Option<&Credentials>,
    ) -> Result<Self, PeerError> {
        let AccessConfig { token_keys_url, token_issuer, token_audience } = config;
        let peer = Peer::new("issuer", token_keys_url, timeout, metrics)?.showing(credentials, token_issuer)?;
        let keys = Keys::of(peer);
        Ok(Self { keys, verified: Verified::default(), issuer: token_issuer.clone(), audience: token_audience.clone() })
    }

    /// The user who calls.
    ///
    /// # Errors
    /// 401 without a valid token, 503 where the keys that check it cannot be had.
    pub async fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<Uuid, Problem> {
        let token = bearer(headers)?;
        let edition = self.keys.edition().await;
        let known = edition.and_then(|edition| self.verified.get(token, edition));
        let claims = if let Some(claims) = known { claims } else { self.verify(token, edition).await? };
        if claims.hold(&self.issuer, &self.audience, now) {
            return Ok(claims.sub);
        }
        Err(Problem::unauthorized("the token is not valid here and now"))
    }

    /// Checks a signature, and remembers one that is right as long as these keys are believed.
    async fn verify(&self, token: &str, edition: Option<u64>) -> Result<AccessClaims, Problem> {
        let claims: AccessClaims = self.keys.verify(token, ACCESS_TYPE).await.map_err(|error| match error {
            KeysError::Signature(_) => Problem::unauthorized("the token is not valid here"),
            KeysError::Unavailable => {
                Problem::unavailable("the keys that check tokens cannot be had", Duration::from_secs(5))
            }
        })?;
        if let Some(edition) = edition {
            self.verified.insert(token, edition, claims.clone());
        }
        Ok(claims)
    }
}
