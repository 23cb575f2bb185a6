//! What can go wrong at the Kubernetes border: each variant names the operation and its object, and what would pass.

use kube::core::Status;

/// A failed read or write, or an object that must not be touched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or could not be reached.
    #[error("{operation} {object}: {source}")]
    Api {
        /// The verb.
        operation: &'static str,
        /// Kind, namespace and name.
        object: String,
        /// What the server or the transport said.
        #[source]
        source: Box<kube::Error>,
    },
    /// This process does not hold the Lease (any more): nothing was sent.
    #[error("{operation} {object}: not sent, this process does not hold the lease; the leader writes")]
    NotLeader {
        /// The verb.
        operation: &'static str,
        /// Kind, namespace and name.
        object: String,
    },
    /// No answer before the deadline: it may or may not have happened; the next round looks again.
    #[error("{operation} {object}: no answer within {seconds} s; the next round looks again")]
    Deadline {
        /// The verb.
        operation: &'static str,
        /// Kind, namespace and name.
        object: String,
        /// How long we waited, seconds.
        seconds: u64,
    },
    /// An object of that name exists and is not ours.
    #[error("{object} exists and is {owner}: rename the ShopService, delete that object, or adopt it with workloadRef")]
    Conflict {
        /// Kind and name.
        object: String,
        /// In words: "not owned by this `ShopService`", "controlled by …".
        owner: String,
    },
    /// The server's dry run refused what `spec.podTemplate` (merged over ours) came to.
    #[error("{field}: {message}")]
    TemplateRefused {
        /// Path in the `ShopService` as far as it can be told.
        field: String,
        /// The server's words.
        message: String,
    },
    /// `spec.workloadRef` names a kind that the server does not know.
    #[error(
        "workloadRef: the server knows no kind {kind} in {api_version}: name an installed kind, such as apps/v1 Deployment"
    )]
    UnknownKind {
        /// As written.
        api_version: String,
        /// As written.
        kind: String,
    },
    /// `spec.workloadRef` names a kind without a scale subresource.
    #[error(
        "workloadRef: {kind} has no scale subresource: name a Deployment, a StatefulSet, or a custom resource with one"
    )]
    NoScale {
        /// As written.
        kind: String,
    },
    /// `spec.workloadRef` names an object that does not exist.
    #[error("workloadRef: {object} does not exist: create it, or correct the name")]
    TargetMissing {
        /// Kind and name.
        object: String,
    },
    /// A field holds something that the schema could not refuse.
    #[error("{field}: {found:?} {problem}; {cure}")]
    Field {
        /// Path in the object.
        field: String,
        /// What stands there.
        found: String,
        /// What is wrong.
        problem: String,
        /// What would pass.
        cure: String,
    },
}

impl Error {
    pub(crate) fn api(operation: &'static str, object: impl Into<String>, source: kube::Error) -> Self {
        Self::Api { operation, object: object.into(), source: Box::new(source) }
    }

    pub(crate) fn field(
        field: impl Into<String>,
        found: impl Into<String>,
        problem: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::Field { field: field.into(), found: found.into(), problem: problem.into(), cure: cure.into() }
    }

    /// A stable word for metric labels and condition reasons.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api { .. } => match self.status().map(|status| status.code) {
                Some(401 | 403) => "Forbidden",
                Some(404) => "NotFound",
                Some(409) => "WriteConflict",
                Some(422) => "Invalid",
                Some(429) => "TooManyRequests",
                Some(_) => "ApiServerError",
                None => "ApiServerUnreachable",
            },
            Self::NotLeader { .. } => "NotLeader",
            Self::Deadline { .. } => "Deadline",
            Self::Conflict { .. } => "Conflict",
            Self::TemplateRefused { .. } => "TemplateRefused",
            Self::UnknownKind { .. } => "UnknownKind",
            Self::NoScale { .. } => "NoScaleSubresource",
            Self::TargetMissing { .. } => "TargetMissing",
            Self::Field { .. } => "InvalidField",
        }
    }

    /// Whether the same call may pass later with nobody changing the object that it is about.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { .. } => self.status().is_none_or(|status| !matches!(status.code, 400 | 403 | 405 | 415 | 422)),
            Self::NotLeader { .. } | Self::Deadline { .. } => true,
            // A person has to act; the watch brings us back when they did.
            Self::Conflict { .. }
            | Self::TemplateRefused { .. }
            | Self::UnknownKind { .. }
            | Self::NoScale { .. }
            | Self::TargetMissing { .. }
            | Self::Field { .. } => false,
        }
    }

    /// The server's answer, where there was one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_servers_refusal_from_its_absence() {
        let mut refused = Status::failure("replicas must be positive", "Invalid");
        refused.code = 422;
        let refused = Error::api("apply", "Deployment a/b", kube::Error::Api(refused.boxed()));
        assert_eq!((refused.reason(), refused.is_retryable()), ("Invalid", false));
        let away = Error::api("apply", "Deployment a/b", kube::Error::LinesCodecMaxLineLengthExceeded);
        assert_eq!((away.reason(), away.is_retryable()), ("ApiServerUnreachable", true));
        assert!(away.to_string().starts_with("apply Deployment a/b: "));
    }
}
