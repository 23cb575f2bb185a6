//! Reads an API server's audit log: who wrote what, when, and with what outcome.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::KitError;

/// The audit log of one API server.
///
/// Kubernetes writes a line before it sends the response, so a write whose answer a test has seen is in the log.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let server = test_kit::ApiServer::shared().await?;
/// let oracle = test_kit::AuditOracle::of(server.audit_log());
/// let scaled = oracle.writes()?.by_manager("presale-scaler").to("deployments/scale");
/// assert!(scaled.is_empty(), "{scaled:#?}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AuditOracle {
    log: PathBuf,
}

/// One request that the API server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When the request arrived.
    pub at: Timestamp,
    /// Who asked; under impersonation the impersonated user.
    pub user: String,
    /// The field manager: the request's `fieldManager`, else the user agent up to its first slash, as the server does.
    pub manager: String,
    /// get, list, watch, create, update, patch, delete, deletecollection.
    pub verb: String,
    /// API group; empty for the core.
    pub group: String,
    /// Resource, and subresource after a slash: `deployments/scale`.
    pub resource: String,
    /// Namespace; empty for what has none.
    pub namespace: String,
    /// Object name; empty where the request names none.
    pub name: String,
    /// HTTP status of the response.
    pub code: u16,
    /// True if the user had no right to it; a 403 may also come from admission.
    pub forbidden: bool,
    /// True if nothing was to be stored.
    pub dry_run: bool,
    /// The request's body where the audit policy keeps it (`/scale`), else null.
    pub body: Value,
}

/// Entries of the log, narrowed step by step.
#[derive(Debug, Clone, Default)]
pub struct AuditEntries(Vec<AuditEntry>);

impl AuditOracle {
    /// The oracle of one log file.
    pub fn of(log: impl Into<PathBuf>) -> Self {
        Self { log: log.into() }
    }

    /// Every request in the log so far.
    ///
    /// # Errors
    /// [`KitError::Io`] if the log cannot be read; [`KitError::Answer`] with the line that is no audit event.
    pub fn requests(&self) -> Result<AuditEntries, KitError> {
        let text = std::fs::read_to_string(&self.log)
            .map_err(KitError::io(format!("read the audit log {}", self.log.display())))?;
        // The last line may be half written: it has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(parse).collect::<Result<_, _>>().map(AuditEntries)
    }

    /// Every request that was to change something stored: no reads, no dry runs, no reviews of access or tokens.
    /// Refused ones are among them: see [`AuditEntries::succeeded`].
    ///
    /// # Errors
    /// As [`requests`](Self::requests).
    pub fn writes(&self) -> Result<AuditEntries, KitError> {
        Ok(self.requests()?.filter(is_write))
    }
}

impl AuditEntries {
    /// Those of one user.
    #[must_use]
    pub fn by_user(self, user: &str) -> Self {
        self.filter(|entry| entry.user == user)
    }

    /// Those of one field manager.
    #[must_use]
    pub fn by_manager(self, manager: &str) -> Self {
        self.filter(|entry| entry.manager == manager)
    }

    /// Those to one resource, with its subresource: `deployments/scale`.
    #[must_use]
    pub fn to(self, resource: &str) -> Self {
        self.filter(|entry| entry.resource == resource)
    }

    /// Those to anything but one resource: `leases`.
    #[must_use]
    pub fn except(self, resource: &str) -> Self {
        self.filter(|entry| entry.resource != resource)
    }

    /// Those with one verb.
    #[must_use]
    pub fn with_verb(self, verb: &str) -> Self {
        self.filter(|entry| entry.verb == verb)
    }

    /// Those in one namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.filter(|entry| entry.namespace == namespace)
    }

    /// Those that arrived at `from` or later and before `until`.
    #[must_use]
    pub fn between(self, from: Timestamp, until: Timestamp) -> Self {
        self.filter(|entry| (from..until).contains(&entry.at))
    }

    /// Those that the server answered with success.
    #[must_use]
    pub fn succeeded(self) -> Self {
        self.filter(|entry| (200..300).contains(&entry.code))
    }

    /// Those that satisfy a condition of the test's own.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&AuditEntry) -> bool) -> Self {
        self.0.retain(keep);
        self
    }
}

impl std::ops::Deref for AuditEntries {
    type Target = [AuditEntry];

    fn deref(&self) -> &[AuditEntry] {
        &self.0
    }
}

fn is_write(entry: &AuditEntry) -> bool {
    let changes = ["create", "update", "patch", "delete", "deletecollection"].contains(&entry.verb.as_str());
    let asks = ["authorization.k8s.io", "authentication.k8s.io"].contains(&entry.group.as_str());
    changes && !asks && !entry.dry_run
}

/// The fields of an `audit.k8s.io/v1` Event that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    request_received_timestamp: Timestamp,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    request_object: Value,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

fn parse(text: &str) -> Result<AuditEntry, KitError> {
    let line: Line = serde_json::from_str(text).map_err(|error| KitError::Answer {
        doing: format!("read a line of the audit log ({error})"),
        answer: text.to_owned(),
    })?;
    let object = line.object_ref.unwrap_or_default();
    let slash = if object.subresource.is_empty() { "" } else { "/" };
    let agent = line.user_agent.split('/').next().unwrap_or_default();
    Ok(AuditEntry {
        at: line.request_received_timestamp,
        user: line.impersonated_user.unwrap_or(line.user).username,
        manager: parameter(&line.request_uri, "fieldManager").unwrap_or(agent).to_owned(),
        verb: line.verb,
        group: object.api_group,
        resource: format!("{}{slash}{}", object.resource, object.subresource),
        namespace: object.namespace,
        name: object.name,
        code: line.response_status.map_or(0, |status| status.code),
        forbidden: line.annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid"),
        dry_run: parameter(&line.request_uri, "dryRun").is_some(),
        body: line.request_object,
    })
}

/// A query parameter as it stands in the URI; field managers of ours need no decoding.
fn parameter<'a>(uri: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = uri.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}
