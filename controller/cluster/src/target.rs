//! What is scaled: the Deployment that we own, or any workload with a scale subresource that somebody else runs.

use std::collections::HashMap;
use std::sync::Mutex;

use k8s_openapi::api::apps::v1::Deployment;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta};
use kube::discovery::pinned_kind;
use kube::{Api, Client, Resource};

use crate::Error;
use crate::write::read;

/// One workload, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub resource: ApiResource,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is our own Deployment (`image`) rather than somebody else's workload (`workloadRef`).
    pub owned: bool,
}

impl Target {
    /// Our own Deployment.
    pub fn owned(namespace: &str, name: &str) -> Self {
        let resource = ApiResource::erase::<Deployment>(&());
        Self { resource, namespace: namespace.to_owned(), name: name.to_owned(), owned: true }
    }

    /// Kind, namespace and name, for people.
    pub fn describe(&self) -> String {
        format!("{} {}/{}", self.resource.kind, self.namespace, self.name)
    }

    pub(crate) fn api(&self, client: Client) -> Api<DynamicObject> {
        Api::namespaced_with(client, &self.namespace, &self.resource)
    }

    /// Whether a `scaleTargetRef` of that API version, kind and name means this workload. The version after the group
    /// does not matter, as for the autoscaler itself.
    pub fn is_named_by(&self, api_version: Option<&str>, kind: &str, name: &str) -> bool {
        let group = api_version.unwrap_or_default().rsplit_once('/').map_or("", |(group, _)| group);
        self.name == name && self.resource.kind == kind && self.resource.group == group
    }
}

/// Kinds that were looked up, so that each is asked for once.
pub struct Kinds {
    client: Client,
    known: Mutex<HashMap<GroupVersionKind, ApiResource>>,
}

impl std::fmt::Debug for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kinds").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Kinds {
    /// Looks kinds up through `client`.
    pub fn new(client: Client) -> Self {
        let deployment = ApiResource::erase::<Deployment>(&());
        let gvk = GroupVersionKind::gvk(&deployment.group, &deployment.version, &deployment.kind);
        Self { client, known: Mutex::new(HashMap::from([(gvk, deployment)])) }
    }

    /// The workload `api_version/kind` named `name`, which somebody else runs.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] and [`Error::NoScale`] where the kind cannot be scaled; [`Error::Api`] where discovery fails.
    pub async fn adopted(
        &self,
        namespace: &str,
        (api_version, kind, name): (&str, &str, &str),
    ) -> Result<Target, Error> {
        let unknown = || Error::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let types = TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let gvk = GroupVersionKind::try_from(&types).map_err(|_| unknown())?;
        let resource = match self.lookup(&gvk) {
            Some(resource) => resource,
            None => self.discover(&gvk).await?.ok_or_else(unknown)?,
        };
        Ok(Target { resource, namespace: namespace.to_owned(), name: name.to_owned(), owned: false })
    }

    fn lookup(&self, gvk: &GroupVersionKind) -> Option<ApiResource> {
        self.known.lock().ok()?.get(gvk).cloned()
    }

    async fn discover(&self, gvk: &GroupVersionKind) -> Result<Option<ApiResource>, Error> {
        let object = format!("kind {} of {}", gvk.kind, gvk.api_version());
        let found = read("discover", &object, async {
            match pinned_kind(&self.client, gvk).await {
                Ok(found) => Ok(Some(found)),
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
                Err(kube::Error::Discovery(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let Some((resource, capabilities)) = found.await? else { return Ok(None) };
        if !capabilities.subresources.iter().any(|(subresource, _)| subresource.plural == "scale") {
            return Err(Error::NoScale { kind: gvk.kind.clone() });
        }
        if let Ok(mut known) = self.known.lock() {
            known.insert(gvk.clone(), resource.clone());
        }
        Ok(Some(resource))
    }
}

/// Kind, namespace and name of a typed object, for errors.
pub(crate) fn describe<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let meta = object.meta();
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or(""), meta.name.as_deref().unwrap_or(""));
    format!("{} {namespace}/{name}", K::kind(&()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_names_a_target_whatever_the_version() {
        let target = Target::owned("shop", "orders");
        assert!(target.is_named_by(Some("apps/v1"), "Deployment", "orders"));
        assert!(target.is_named_by(Some("apps/v1beta2"), "Deployment", "orders"));
        assert!(!target.is_named_by(Some("argoproj.io/v1alpha1"), "Deployment", "orders"));
        assert!(!target.is_named_by(Some("apps/v1"), "StatefulSet", "orders"));
        assert!(!target.is_named_by(None, "Deployment", "orders"));
    }
}
