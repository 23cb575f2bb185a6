//! Bearer tokens of administrators and of other services, compared without leaking where they differ.

use std::str::FromStr;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use sha2::{Digest, Sha256};

use crate::access;
use crate::config::Secret;
use crate::problem::Problem;

/// The one token that opens admin routes, kept as its digest; without a token they stay closed.
#[derive(Debug, Clone)]
pub struct AdminToken(Option<[u8; 32]>);

impl AdminToken {
    /// Takes the configured token.
    pub fn new(token: Option<&Secret>) -> Self {
        Self(token.map(|t| Sha256::digest(t.reveal()).into()))
    }

    /// Passes where the request carries the token.
    ///
    /// # Errors
    /// 401 where it carries none or another, or where no token is configured.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(expected) = self.0 else {
            return Err(Problem::unauthorized("no admin token is configured: start the service with --admin-token"));
        };
        if bearer(headers)? == expected { Ok(()) } else { Err(Problem::unauthorized("the token is not valid here")) }
    }
}

/// A service that may call, and its token: `NAME=TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceToken {
    name: String,
    token: Secret,
}

impl FromStr for ServiceToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "write NAME=TOKEN, for example orders=s3cret".to_owned();
        let (name, token) = text.split_once('=').ok_or_else(refused)?;
        if name.is_empty() || token.is_empty() {
            return Err(refused());
        }
        let token = token.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        Ok(Self { name: name.to_owned(), token })
    }
}

/// The service that calls, as its certificate says; in the extensions of each request where services know each other by
/// their certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified(pub Arc<str>);

/// The services that may call this one, each by its own token, kept as digests.
#[derive(Debug, Clone, Default)]
pub struct Callers(Vec<(String, [u8; 32])>);

impl Callers {
    /// Takes the configured tokens.
    pub fn new(tokens: &[ServiceToken]) -> Self {
        Self(tokens.iter().map(|t| (t.name.clone(), Sha256::digest(t.token.reveal()).into())).collect())
    }

    /// True where the service of this name has this token.
    pub fn knows(&self, name: &str, token: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().any(|(known, expected)| known == name && *expected == digest)
    }

    /// The name of the calling service, where it is one of `allowed`.
    ///
    /// # Errors
    /// 401 without a token that is known here, 403 where the service is known and may not do this, or shows the
    /// certificate of another.
    pub fn check(&self, parts: &Parts, allowed: &[&str]) -> Result<&str, Problem> {
        let digest = bearer(&parts.headers)?;
        let Some((name, _)) = self.0.iter().find(|(_, known)| *known == digest) else {
            return Err(Problem::unauthorized("the token is not one of a service that may call here"));
        };
        if let Some(Certified(shown)) = parts.extensions.get().filter(|Certified(shown)| **shown != **name) {
            return Err(Problem::forbidden(format!("the certificate is {shown}'s and the token is not")));
        }
        if allowed.contains(&name.as_str()) {
            Ok(name)
        } else {
            Err(Problem::forbidden(format!("{name} may not do this; {} may", allowed.join(", "))))
        }
    }
}

/// Digest of the bearer token; digests are compared, so timing says nothing about the token itself.
fn bearer(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    access::bearer(headers).map(|token| Sha256::digest(token).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn a_service_is_known_by_its_token_and_may_do_what_its_name_may() {
        let tokens: Vec<ServiceToken> = ["orders=o-1", "cart=c=1"].map(|t| t.parse().unwrap()).into();
        let callers = Callers::new(&tokens);
        let status = |token, allowed: &[&str]| callers.check(&parts(token), allowed).unwrap_err().status();
        assert_eq!(callers.check(&parts("Bearer o-1"), &["orders"]).unwrap(), "orders");
        assert_eq!(callers.check(&parts("Bearer c=1"), &["orders", "cart"]).unwrap(), "cart");
        assert_eq!(status("Bearer c=1", &["orders"]), 403);
        for stranger in ["Bearer o-2", "Basic o-1", "o-1", ""] {
            assert_eq!(status(stranger, &["orders"]), 401, "{stranger}");
        }
        for (shown, passes) in [("orders", true), ("cart", false)] {
            let mut request = parts("Bearer o-1");
            request.extensions.insert(Certified(shown.into()));
            assert_eq!(callers.check(&request, &["orders", "cart"]).is_ok(), passes, "a token in {shown}'s hands");
        }
        assert!(callers.knows("cart", "c=1") && !callers.knows("orders", "c=1") && !callers.knows("x", "c=1"));
        assert!("orders".parse::<ServiceToken>().unwrap_err().contains("NAME=TOKEN"));
        assert!(!format!("{tokens:?}").contains("o-1"), "tokens are not shown");
    }

    fn parts(authorization: &str) -> Parts {
        let request = http::Request::get("/").header(header::AUTHORIZATION, authorization);
        request.body(()).unwrap().into_parts().0
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_the_configured_token_opens() {
        let token = AdminToken::new(Some(&"s3cret".parse().unwrap()));
        token.check(&headers("Bearer s3cret")).unwrap();
        token.check(&headers("bearer s3cret")).unwrap();
        for wrong in ["Bearer s3cre", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cret x"] {
            assert_eq!(token.check(&headers(wrong)).unwrap_err().status(), 401, "{wrong}");
        }
        assert_eq!(token.check(&HeaderMap::new()).unwrap_err().status(), 401);
    }

    #[test]
    fn without_a_configured_token_nothing_opens() {
        assert_eq!(AdminToken::new(None).check(&headers("Bearer ")).unwrap_err().status(), 401);
    }
}
