//! What accounts says and accepts: who a customer is, where they live, and how they prove to be who they are.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most addresses of one account.
pub const MAX_ADDRESSES: usize = 20;
/// Characters that a password may have; long ones are welcome, and which ones is free.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 10..=128;

/// A text that `Debug` does not show: a password, a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// An account to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// E-mail address, ASCII; upper and lower case are the same.
    pub email: String,
    /// How the customer is called, 1 to 100 characters.
    pub name: String,
    /// 10 to 128 characters.
    pub password: Hidden,
}

/// What was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// Its id.
    pub id: Uuid,
}

/// An account; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The customer, as the `sub` of tokens and the `customer_id` of other services name them.
    pub id: Uuid,
    /// E-mail address, in lower case.
    pub email: String,
    /// How the customer is called.
    pub name: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What to change of an account; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountPatch {
    /// How the customer is called from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The new e-mail address; needs `current_password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The new password; needs `current_password` and ends every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Hidden>,
    /// The password until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Hidden>,
}

/// Where something is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// Who receives it, 1 to 100 characters.
    pub recipient: String,
    /// Street and number, 1 to 200 characters.
    pub line1: String,
    /// Whatever else the carrier needs, 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// Postal code, 1 to 20 characters.
    pub postal_code: String,
    /// City, 1 to 100 characters.
    pub city: String,
    /// Two letters of ISO 3166-1, upper case.
    pub country: String,
}

/// An address of an account; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Address {
    /// Its id.
    pub id: Uuid,
    /// What is written on the parcel.
    #[serde(flatten)]
    pub postal: PostalAddress,
}

/// All addresses of an account, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Addresses {
    /// At most 20.
    pub items: Vec<Address>,
}

/// How a token is asked for.
///
/// **Source**: the grants of RFC 6749, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "grant_type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenRequest {
    /// A customer logs in: a session begins.
    Password {
        /// E-mail address.
        email: String,
        /// The account's password.
        password: Hidden,
    },
    /// A session goes on: the refresh token is exchanged, and is used up by it.
    RefreshToken {
        /// The session's latest refresh token.
        refresh_token: Hidden,
    },
    /// A service of ours asks for a token of its own, which no route of customers accepts.
    ClientCredentials {
        /// The service's name.
        client_id: String,
        /// Its secret.
        client_secret: Hidden,
    },
}

/// Tokens, never to be cached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// A signed statement of who the caller is, for the header Authorization.
    pub access_token: Hidden,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds for which the access token is valid.
    pub expires_in: u64,
    /// Good for one exchange; services have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Hidden>,
}

/// A session to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Any refresh token of the session.
    pub token: Hidden,
}

/// One login and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// When the customer logged in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was ended before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// Everything that accounts holds about a person, but for secrets of which only digests are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Export {
    /// Who.
    pub account: Account,
    /// Where.
    pub addresses: Vec<Address>,
    /// Since when and until when logged in.
    pub sessions: Vec<Session>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_has_its_own_fields_and_no_others_and_shows_no_secret() {
        let read = |text: &str| serde_json::from_str::<TokenRequest>(text);
        let asked = read(r#"{"grant_type":"password","email":"a@b.example","password":"hunter2hunter2"}"#).unwrap();
        assert!(!format!("{asked:?}").contains("hunter2"));
        for bad in [
            r#"{"grant_type":"password","email":"a","password":"b","scope":"admin"}"#,
            r#"{"grant_type":"password","email":"a","refresh_token":"b"}"#,
            r#"{"grant_type":"implicit"}"#,
            r#"{"email":"a","password":"b"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
