//! Strong entity tags and the conditions on them: 428 where one is missing, 412 where it is stale.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// The strong entity tag of a version: equal tags mean equal bytes.
///
/// **Source**: RFC 9110 §8.8.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(HeaderValue);

impl EntityTag {
    /// Tag of the `version`-th state of an object; versions never repeat within an object.
    pub fn of_version(version: u64) -> Self {
        // Digits and quotes are valid in a header, so the fallback is never taken.
        Self(HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
    }

    /// The value of the `ETag` header.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The `If-Match` of a write: required, so that no write is blind.
#[derive(Debug, Clone)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// Passes where the object is still in the state the client saw.
    ///
    /// # Errors
    /// 412 where it has changed meanwhile.
    pub fn check(&self, current: &EntityTag) -> Result<(), Problem> {
        if self.0.hold_strongly(current) { Ok(()) } else { Err(stale()) }
    }
}

/// 412: the object is no longer as the client saw it.
pub fn stale() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "stale",
        "The object has changed since it was read",
        "read it again and repeat the change with the new ETag in If-Match",
    )
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Tags::read(&parts.headers, &header::IF_MATCH).map(Self).ok_or_else(|| {
            Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "A condition is required",
                "send the ETag of the object you read in If-Match",
            )
        })
    }
}

/// The `If-None-Match` of a read: optional.
#[derive(Debug, Clone)]
pub struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    /// True where the client already has this very representation, so that 304 suffices.
    pub fn is_current(&self, current: &EntityTag) -> bool {
        self.0.as_ref().is_some_and(|tags| tags.hold_weakly(current))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Tags::read(&parts.headers, &header::IF_NONE_MATCH)))
    }
}

#[derive(Debug, Clone)]
enum Tags {
    Any,
    Listed(Vec<String>),
}

impl Tags {
    fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
        let tags = values.iter().flat_map(|v| v.split(',')).map(str::trim).filter(|t| !t.is_empty());
        let listed: Vec<String> = tags.map(str::to_owned).collect();
        match listed.as_slice() {
            [] => None,
            [one] if one == "*" => Some(Self::Any),
            _ => Some(Self::Listed(listed)),
        }
    }

    /// Strong comparison: a weak tag matches nothing.
    fn hold_strongly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|t| t.as_bytes() == current.0.as_bytes()),
        }
    }

    fn hold_weakly(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => {
                tags.iter().any(|t| t.strip_prefix("W/").unwrap_or(t).as_bytes() == current.0.as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn if_match(value: Option<&str>) -> Result<IfMatch, Problem> {
        let mut request = http::Request::builder();
        if let Some(value) = value {
            request = request.header("if-match", value);
        }
        IfMatch::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_write_without_a_condition_is_428_and_a_stale_one_412() {
        let now = EntityTag::of_version(7);
        assert_eq!(if_match(None).await.unwrap_err().status(), 428);
        assert_eq!(if_match(Some("")).await.unwrap_err().status(), 428);
        assert_eq!(if_match(Some("\"6\"")).await.unwrap().check(&now).unwrap_err().status(), 412);
        if_match(Some("\"7\"")).await.unwrap().check(&now).unwrap();
        if_match(Some("\"1\", \"7\"")).await.unwrap().check(&now).unwrap();
        if_match(Some("*")).await.unwrap().check(&now).unwrap();
    }

    #[tokio::test]
    async fn a_weak_tag_never_permits_a_write() {
        let now = EntityTag::of_version(7);
        assert_eq!(if_match(Some("W/\"7\"")).await.unwrap().check(&now).unwrap_err().status(), 412);
    }
}
