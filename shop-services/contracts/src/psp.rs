//! What the payment provider speaks: operations under the merchant's key, and signed notices of their outcome.

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Header of a notice: `t=SECONDS,v1=HEX`, an HMAC-SHA256 over `SECONDS.BODY`.
pub const SIGNATURE_HEADER: &str = "psp-signature";

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Set money aside on the customer's side.
    Authorize,
    /// Take what was set aside.
    Capture,
    /// Give up what was set aside.
    Void,
    /// Give back what was taken, or a part of it.
    Refund,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Authorize, Self::Capture, Self::Void, Self::Refund];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

/// One operation; the same key again is the same operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PspRequest {
    /// The merchant's key of this operation.
    pub key: String,
    /// What to do.
    pub kind: OperationKind,
    /// How much.
    pub amount: Money,
    /// The provider's token of a card, for authorizations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The merchant's key of the authorization, for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PspOutcome {
    /// The merchant's key.
    pub key: String,
    /// What was done.
    pub kind: OperationKind,
    /// How much.
    pub amount: Money,
    /// Done, or declined.
    pub succeeded: bool,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A notice of an outcome, sent to the merchant; it may come early, late, or more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PspNotice {
    /// The same for every copy.
    pub id: String,
    /// What became of the operation.
    pub outcome: PspOutcome,
}
