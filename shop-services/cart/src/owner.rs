//! Whose cart it is: a customer's by their token, or a guest's by the token that cart gave out.

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use sha2::{Digest, Sha256};
use shop_kit::Problem;
use uuid::Uuid;

use crate::routes::Shelf;

/// Header of a guest's token.
pub const CART_TOKEN: &str = "cart-token";

/// Whose cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A customer.
    Customer(Uuid),
    /// Whoever has the token with this digest; the token itself is not kept.
    Guest([u8; 32]),
}

impl Owner {
    /// The customer, where it is one.
    pub fn customer(&self) -> Option<Uuid> {
        if let Self::Customer(id) = self { Some(*id) } else { None }
    }

    /// The guest's digest, where it is one.
    pub fn guest(&self) -> Option<&[u8]> {
        if let Self::Guest(digest) = self { Some(digest) } else { None }
    }

    /// The guest with this token.
    ///
    /// # Errors
    /// 401 where the token is not of the form that cart gives out.
    pub fn of_token(token: &str) -> Result<Self, Problem> {
        let token = if token.len() == 32 { Uuid::try_parse(token).ok() } else { None };
        let token = token.filter(|t| t.get_version_num() == 7);
        let token = token.ok_or_else(|| Problem::unauthorized("Cart-Token passes as GET /v1/cart gave it out"))?;
        Ok(Self::Guest(Sha256::digest(token.as_bytes()).into()))
    }
}

/// The owner, where the request names one: the customer, if it carries any `Authorization`, else the guest.
#[derive(Debug, Clone, Copy)]
pub struct Perhaps(pub Option<Owner>);

impl FromRequestParts<Shelf> for Perhaps {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shelf: &Shelf) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let customer = shelf.access.check(&parts.headers, shelf.identity.now()).await?;
            return Ok(Self(Some(Owner::Customer(customer))));
        }
        let Some(token) = parts.headers.get(CART_TOKEN) else { return Ok(Self(None)) };
        Owner::of_token(token.to_str().unwrap_or_default()).map(|owner| Self(Some(owner)))
    }
}

impl FromRequestParts<Shelf> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shelf: &Shelf) -> Result<Self, Problem> {
        let Perhaps(owner) = Perhaps::from_request_parts(parts, shelf).await?;
        owner
            .ok_or_else(|| Problem::unauthorized("send Authorization: Bearer TOKEN, or the Cart-Token of GET /v1/cart"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_as_they_are_given_out_pass() {
        let given = "01900000000070008000000000000001";
        assert!(Owner::of_token(given).unwrap().guest().is_some_and(|digest| digest != given.as_bytes()));
        for junk in ["", "x", "01900000-0000-7000-8000-000000000001", "00000000000000000000000000000000", "ä"] {
            assert_eq!(Owner::of_token(junk).unwrap_err().status(), 401, "{junk}");
        }
    }
}
