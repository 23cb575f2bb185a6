//! Tokens: asked for, exchanged, revoked, and the keys that check them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde::Serialize;
use shop_contracts::ErrorCode;
use shop_contracts::accounts::{Hidden, Revocation, TokenRequest, Tokens};
use shop_kit::Problem;
use shop_kit::client::Origin;
use shop_kit::extract::Json as Body;
use shop_kit::signature::PublicKey;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Desk, Outcome};
use crate::error::known;
use crate::password::Verdict;
use crate::session::Exchanged;
use crate::validate;

/// Ask for a token: a customer with a password, a session with its refresh token, or a service with its secret.
#[utoipa::path(post, path = "/v1/auth/token", request_body = TokenRequest, responses(
    (status = 200, body = Tokens),
    (status = 400, description = "No JSON", content_type = "application/problem+json"),
    (status = 401, description = "The credentials are not right", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "No grant that is known", content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong credentials", content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are waiting to be checked", content_type = "application/problem+json"),
))]
pub(super) async fn token(State(desk): State<Desk>, origin: Origin, Body(request): Body<TokenRequest>) -> Outcome {
    let grant = match &request {
        TokenRequest::Password { .. } => "password",
        TokenRequest::RefreshToken { .. } => "refresh_token",
        TokenRequest::ClientCredentials { .. } => "client_credentials",
    };
    let granted = match request {
        TokenRequest::Password { email, password } => log_in(&desk, &origin, &email, &password).await,
        TokenRequest::RefreshToken { refresh_token } => exchange(&desk, &refresh_token).await,
        TokenRequest::ClientCredentials { client_id, client_secret } => {
            for_service(&desk, &origin, &client_id, &client_secret).await
        }
    };
    desk.metrics.asked(grant, outcome(&granted));
    let tokens = granted.map_err(Refused::into_problem)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
}

/// End a session. An unknown token is answered the same, for then there is nothing to end.
///
/// **Source**: RFC 7009.
#[utoipa::path(post, path = "/v1/auth/revoke", request_body = Revocation, responses(
    (status = 204, description = "The session of this token, if any, has ended"),
    (status = 400, description = "No JSON", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "No token", content_type = "application/problem+json"),
))]
pub(super) async fn revoke(State(desk): State<Desk>, Body(Revocation { token }): Body<Revocation>) -> Outcome {
    let mut tx = desk.database.begin().await?;
    desk.sessions.end(&mut tx, &token).await?;
    desk.database.measure("commit", tx.commit()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Public keys.
#[derive(Serialize, ToSchema)]
pub(super) struct Published {
    /// Ed25519 keys (RFC 8037): those that sign, will sign, or have signed tokens that are still valid.
    #[schema(value_type = Vec<Value>)]
    keys: Vec<PublicKey>,
}

/// Read the keys that check tokens.
#[utoipa::path(get, path = "/.well-known/jwks.json", responses((status = 200, body = Published)))]
pub(super) async fn keys(State(desk): State<Desk>) -> Outcome {
    let published = Published { keys: desk.issuer.ring.published() };
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(published)).into_response())
}

/// Why there is no token.
enum Refused {
    /// The credentials are not right.
    Wrong,
    /// The refresh token was used before.
    Reused,
    /// Something else is in the way.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl Refused {
    /// Of what was wrong with credentials nothing is told.
    fn into_problem(self) -> Problem {
        match self {
            Self::Wrong | Self::Reused => wrong_credentials(),
            Self::Problem(problem) => problem,
        }
    }
}

/// The same for everybody: nobody learns which part was wrong, or whether there is such an account.
pub(super) fn wrong_credentials() -> Problem {
    known(ErrorCode::CredentialsRefused, "log in with the right e-mail address and password, or the latest token")
}

fn outcome(granted: &Result<Tokens, Refused>) -> &'static str {
    match granted {
        Ok(_) => "granted",
        Err(Refused::Wrong) => "refused",
        Err(Refused::Reused) => "reused",
        Err(Refused::Problem(problem)) if problem.is(ErrorCode::TooManyAttempts.slug()) => "limited",
        Err(Refused::Problem(_)) => "failed",
    }
}

/// For an address without an account as much is done as for a wrong password, and the same is told.
async fn log_in(desk: &Desk, origin: &Origin, email: &str, password: &Hidden) -> Result<Tokens, Refused> {
    let now = desk.identity.now();
    // Whatever cannot be an address has no account.
    let email = validate::email(email).unwrap_or_else(|_| email.chars().take(300).collect());
    let network = origin.network(desk.attempts.config.trusted_hops);
    let attempt = desk.attempts.begin(Some(&email), network, now).await?;
    let checked = check(desk, &email, password).await;
    if !matches!(checked, Err(Refused::Wrong)) {
        desk.attempts.take_back(attempt).await?;
    }
    let Proven { id, version, rehashed } = checked?;
    let mut tx = desk.database.begin().await?;
    // A password that was changed while the old one was checked begins no session.
    match desk.accounts.lock(&mut tx, id).await? {
        None => return Err(Refused::Wrong),
        Some(current) if current != version => {
            return Err(Problem::unavailable("the account has just changed", Duration::from_secs(1)).into());
        }
        Some(_) => {}
    }
    if let Some(hash) = rehashed {
        desk.accounts.rehash(&mut tx, id, &hash).await?;
    }
    let refresh = desk.sessions.begin(&mut tx, id).await?;
    let tokens = desk.issuer.for_customer(id, refresh, now)?;
    desk.database.measure("commit", tx.commit()).await?;
    Ok(tokens)
}

/// Whose password it is.
struct Proven {
    id: Uuid,
    /// Of the account, when its password was read.
    version: i64,
    /// A new hash of the password, where the old one was made with other parameters than are configured now.
    rehashed: Option<String>,
}

async fn check(desk: &Desk, email: &str, password: &Hidden) -> Result<Proven, Refused> {
    let found = desk.accounts.find(email).await?;
    let (known, hashed) = found.map(|held| ((held.account.id, held.version), held.password)).unzip();
    let verdict = desk.hasher.compare(password, hashed).await?;
    let rehashed = match verdict {
        Verdict::Right => None,
        Verdict::RightButOld => Some(desk.hasher.hash(password).await?),
        Verdict::Wrong => return Err(Refused::Wrong),
    };
    let (id, version) = known.ok_or(Refused::Wrong)?;
    Ok(Proven { id, version, rehashed })
}

async fn exchange(desk: &Desk, token: &Hidden) -> Result<Tokens, Refused> {
    let mut tx = desk.database.begin().await?;
    let exchanged = desk.sessions.exchange(&mut tx, token).await?;
    let tokens = match exchanged {
        Exchanged::Continued(account, next) => Ok(desk.issuer.for_customer(account, next, desk.identity.now())?),
        Exchanged::Refused => Err(Refused::Wrong),
        Exchanged::Reused => Err(Refused::Reused),
    };
    desk.database.measure("commit", tx.commit()).await?;
    tokens
}

async fn for_service(desk: &Desk, origin: &Origin, name: &str, secret: &Hidden) -> Result<Tokens, Refused> {
    let now = desk.identity.now();
    let attempt = desk.attempts.begin(None, origin.network(desk.attempts.config.trusted_hops), now).await?;
    if !desk.callers.knows(name, &secret.0) {
        return Err(Refused::Wrong);
    }
    desk.attempts.take_back(attempt).await?;
    Ok(desk.issuer.for_service(name, now)?)
}
