//! Tokens as they are handed out: access tokens of customers and services, signed, and who a token says that calls.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use shop_contracts::accounts::{Hidden, Tokens};
use shop_kit::Problem;
use shop_kit::access::{ACCESS_TYPE, AccessClaims, bearer};
use shop_kit::signature::verify;
use uuid::{Builder, Uuid};

use crate::config::TokenConfig;
use crate::routes::Desk;
use crate::signing::Ring;

/// Hands out tokens and checks them.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// What signs.
    pub ring: Ring,
    /// What tokens say.
    pub config: TokenConfig,
}

/// What a service's token says: what a customer's does, for another audience, and the service's name.
///
/// **Source**: RFC 9068.
#[derive(Serialize)]
struct ServiceClaims<'a> {
    #[serde(flatten)]
    access: AccessClaims,
    client_id: &'a str,
}

impl Issuer {
    /// A customer's access token, with the refresh token that renews it.
    ///
    /// # Errors
    /// 503 where nobody can sign now.
    pub fn for_customer(&self, customer: Uuid, refresh: Hidden, now: Timestamp) -> Result<Tokens, Problem> {
        let claims = self.claims(&self.config.token_audience, customer, now);
        self.tokens(&claims, Some(refresh), now)
    }

    /// The access token of a service of ours.
    ///
    /// # Errors
    /// 503 where nobody can sign now.
    pub fn for_service(&self, name: &str, now: Timestamp) -> Result<Tokens, Problem> {
        let access = self.claims(&self.config.service_audience, service_id(name), now);
        self.tokens(&ServiceClaims { access, client_id: name }, None, now)
    }

    /// The customer whom a token names.
    ///
    /// # Errors
    /// 401 where it is none of ours, not for customers, or not valid now.
    pub fn customer(&self, token: &str, now: Timestamp) -> Result<Uuid, Problem> {
        let claims: Option<AccessClaims> = verify(token, ACCESS_TYPE, &self.ring.published()).ok();
        let TokenConfig { token_issuer, token_audience, .. } = &self.config;
        let claims = claims.filter(|claims| claims.hold(token_issuer, token_audience, now));
        claims.map(|claims| claims.sub).ok_or_else(|| Problem::unauthorized("the token is not valid here and now"))
    }

    fn claims(&self, audience: &str, sub: Uuid, now: Timestamp) -> AccessClaims {
        let (nbf, ttl) = (now.as_second(), seconds(self.config.access_ttl));
        let iss = self.config.token_issuer.clone();
        AccessClaims { iss, aud: audience.to_owned(), sub, nbf, exp: nbf.saturating_add_unsigned(ttl) }
    }

    fn tokens(
        &self,
        claims: &impl Serialize,
        refresh_token: Option<Hidden>,
        now: Timestamp,
    ) -> Result<Tokens, Problem> {
        Ok(Tokens {
            access_token: Hidden(self.ring.sign(claims, now)?),
            token_type: "Bearer".to_owned(),
            expires_in: seconds(self.config.access_ttl),
            refresh_token,
        })
    }
}

/// At least one, for a token that is never valid helps nobody.
fn seconds(ttl: Duration) -> u64 {
    ttl.as_secs().max(1)
}

/// The id of a service, the same for the same name; no customer has one of its kind.
fn service_id(name: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The customer who calls.
#[derive(Debug, Clone, Copy)]
pub struct Customer(pub Uuid);

impl FromRequestParts<Desk> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        desk.issuer.customer(bearer(&parts.headers)?, desk.identity.now()).map(Self)
    }
}
