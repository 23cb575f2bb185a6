//! Bearer tokens of administrators: one configured token, compared without leaking where it differs.

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

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
        let sent = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let Some((scheme, token)) = sent.and_then(|v| v.split_once(' ')) else {
            return Err(Problem::unauthorized("send Authorization: Bearer TOKEN"));
        };
        // Digests are compared, so timing says nothing about the token itself.
        let digest: [u8; 32] = Sha256::digest(token.trim()).into();
        if scheme.eq_ignore_ascii_case("bearer") && digest == expected {
            Ok(())
        } else {
            Err(Problem::unauthorized("the token is not valid here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
