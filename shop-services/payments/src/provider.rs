//! The provider as payments sees it: it did something, it never saw the key, or nobody knows.

use http::{Method, StatusCode};
use shop_contracts::psp::{PspOutcome, PspRequest};
use shop_kit::peer::Peer;

/// The provider behind its API; what it answers is not trusted beyond its shape.
#[derive(Debug, Clone)]
pub struct Provider(pub Peer);

/// What is known after the provider was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// This became of it.
    Outcome(PspOutcome),
    /// The provider has never seen the key.
    NeverSeen,
    /// No usable answer: it may have happened.
    Nothing(String),
}

impl Provider {
    /// Asks for an operation; the same key again asks for the same operation.
    pub async fn execute(&self, request: &PspRequest) -> Known {
        match self.0.call(Method::POST, "/v1/operations", Some(request)).await {
            Ok((StatusCode::OK, body)) => read(&body),
            Ok((status, _)) => Known::Nothing(format!("the provider answered {status}")),
            Err(error) => Known::Nothing(error.to_string()),
        }
    }

    /// Asks what became of an operation.
    pub async fn find(&self, key: &str) -> Known {
        match self.0.call(Method::GET, &format!("/v1/operations/{key}"), None::<&()>).await {
            Ok((StatusCode::OK, body)) => read(&body),
            Ok((StatusCode::NOT_FOUND, _)) => Known::NeverSeen,
            Ok((status, _)) => Known::Nothing(format!("the provider answered {status}")),
            Err(error) => Known::Nothing(error.to_string()),
        }
    }
}

fn read(body: &[u8]) -> Known {
    serde_json::from_slice(body)
        .map_or_else(|e| Known::Nothing(format!("the provider's answer is odd: {e}")), Known::Outcome)
}
