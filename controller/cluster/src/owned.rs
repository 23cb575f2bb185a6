//! Owning objects by server-side apply: written when they differ, never when they are somebody else's.
//!
//! Each owned object carries a mark: a digest of what we want, and one of what the server made of it. While the want is
//! the same and the server still holds what it made of it, nothing is written. Someone's edit of a field that is ours
//! changes the second digest, and the next round heals it; fields that are not ours are never looked at.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use presale_crds::ShopService;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::merge::project;
use crate::reserve::Selecting;
use crate::watch::{Stores, cached};
use crate::write::{MANAGER, Writer, read};

pub mod deployment;
pub mod disruption_budget;
pub mod service;
pub mod service_account;

/// Label of everything that the operator makes, and of the watches on it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "presale");
/// Label that ties objects and pods to the `ShopService` of that name; the Deployment's and the Service's selector.
pub const SERVICE_LABEL: &str = "presale.dev/service";
const MARK: &str = "presale.dev/applied";

/// What an owned object came to.
#[derive(Debug, Clone)]
pub enum Applied<K> {
    /// It already was as wanted: nothing was written.
    Unchanged(Arc<K>),
    /// It did not exist.
    Created(Arc<K>),
    /// It differed from what is wanted.
    Changed(Arc<K>),
}

impl<K> Applied<K> {
    /// The object as the server holds it.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Unchanged(object) | Self::Created(object) | Self::Changed(object) => object,
        }
    }

    /// Whether anything was written.
    pub fn wrote(&self) -> bool {
        !matches!(self, Self::Unchanged(_))
    }
}

/// Applies all four objects of `shop`, each only if it differs; `at_birth` is the Deployment's replicas if it is new.
/// Returns the kinds that were written.
///
/// # Errors
/// [`Error::Conflict`] where an object of that name is not ours (it is never written), [`Error::TemplateRefused`] where the
/// server's dry run refuses the pod template, else [`Error::NotLeader`], [`Error::Deadline`] or [`Error::Api`].
pub async fn apply_owned(
    writer: &Writer,
    stores: &Stores,
    shop: &ShopService,
    at_birth: u32,
) -> Result<Vec<&'static str>, Error> {
    let owner = owner_of(shop)?;
    let namespace = shop.namespace().unwrap_or_default();
    let (place, spec) = ((namespace.as_str(), owner.name.as_str()), &shop.spec);
    let selecting = Selecting::of(stores, shop);
    let mut written = Vec::new();
    let account = service_account::manifest(&owner, &namespace);
    note(&mut written, "ServiceAccount", &apply(writer, &owner, &account, cached(&stores.accounts, place)).await?);
    let budget = disruption_budget::manifest(&owner, &namespace, spec, selecting);
    note(&mut written, "PodDisruptionBudget", &apply(writer, &owner, &budget, cached(&stores.budgets, place)).await?);
    let service = service::manifest(&owner, &namespace, spec, selecting);
    note(&mut written, "Service", &apply(writer, &owner, &service, cached(&stores.services, place)).await?);
    let seen = cached(&stores.deployments, place);
    let wanted = deployment::manifest(&owner, &namespace, spec, selecting);
    note(&mut written, "Deployment", &deployment::apply(writer, &owner, &wanted, at_birth, seen).await?);
    Ok(written)
}

fn note<K>(written: &mut Vec<&'static str>, kind: &'static str, applied: &Applied<K>) {
    if applied.wrote() {
        written.push(kind);
    }
}

/// What the engine asks of a kind.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}
impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

/// How one owned object stands to what is wanted.
pub(crate) enum Standing<K> {
    AsWanted(Arc<K>),
    Differs(Arc<K>),
    Absent,
}

/// Looks at the cache, and where that does not settle it, at the server.
pub(crate) async fn stand<K: Kind>(
    writer: &Writer,
    owner: &OwnerReference,
    wanted: &Value,
    cached: Option<Arc<K>>,
) -> Result<Standing<K>, Error> {
    if let Some(object) =
        cached.filter(|object| is_ours(object.as_ref(), owner) && is_as_wanted(object.as_ref(), wanted))
    {
        return Ok(Standing::AsWanted(object));
    }
    let (api, name, object) = place::<K>(writer, wanted);
    let Some(live) = read("get", &object, api.get_opt(name)).await?.map(Arc::new) else {
        return Ok(Standing::Absent);
    };
    if !is_ours(live.as_ref(), owner) {
        return Err(Error::Conflict { object, owner: owner_in_words(live.as_ref()) });
    }
    Ok(if is_as_wanted(live.as_ref(), wanted) { Standing::AsWanted(live) } else { Standing::Differs(live) })
}

/// Asks the server what it would make of `wanted`, writing nothing.
pub(crate) async fn dry_run<K: Kind>(writer: &Writer, wanted: &Value) -> Result<K, Error> {
    let (api, name, object) = place::<K>(writer, wanted);
    let params = PatchParams { dry_run: true, ..PatchParams::apply(MANAGER).force() };
    writer.send("dry-run", &object, api.patch(name, &params, &Patch::Apply(wanted))).await
}

/// Writes `wanted` with its mark. `made` is what the server's dry run made of it.
pub(crate) async fn write<K: Kind>(writer: &Writer, wanted: &Value, made: &K) -> Result<Arc<K>, Error> {
    let mut marked = wanted.clone();
    if let Some(annotations) = annotations(&mut marked) {
        annotations.insert(MARK.to_owned(), Value::String(mark(wanted, made)));
    }
    let (api, name, object) = place::<K>(writer, wanted);
    let params = PatchParams::apply(MANAGER).force();
    writer.send("apply", &object, api.patch(name, &params, &Patch::Apply(marked))).await.map(Arc::new)
}

/// Applies an object without traps: all kinds but the Deployment.
pub(crate) async fn apply<K: Kind>(
    writer: &Writer,
    owner: &OwnerReference,
    wanted: &Value,
    cached: Option<Arc<K>>,
) -> Result<Applied<K>, Error> {
    let created = match stand(writer, owner, wanted, cached).await? {
        Standing::AsWanted(object) => return Ok(Applied::Unchanged(object)),
        Standing::Differs(_) => false,
        Standing::Absent => true,
    };
    let made: K = dry_run(writer, wanted).await?;
    let object = write(writer, wanted, &made).await?;
    Ok(if created { Applied::Created(object) } else { Applied::Changed(object) })
}

/// The frame of every owned object: identity, labels, owner. No finalizer is needed: garbage collection by owner
/// reference removes exactly these.
pub(crate) fn frame<K: Resource<DynamicType = ()>>(owner: &OwnerReference, namespace: &str, body: Value) -> Value {
    let mut object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": owner.name,
            "namespace": namespace,
            "labels": labels(&owner.name),
            "ownerReferences": [owner],
        },
    });
    crate::merge::merge(&mut object, body);
    object
}

pub(crate) fn labels(name: &str) -> Value {
    let (key, value) = MANAGED_BY;
    json!({"app.kubernetes.io/name": name, key: value, SERVICE_LABEL: name})
}

fn place<'a, K: Kind>(writer: &Writer, wanted: &'a Value) -> (Api<K>, &'a str, String) {
    let text = |pointer| wanted.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let api = Api::namespaced(writer.client().clone(), namespace);
    (api, name, format!("{} {namespace}/{name}", K::kind(&())))
}

fn annotations(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.entry("annotations").or_insert_with(|| json!({})).as_object_mut()
}

fn is_ours<K: Resource>(object: &K, owner: &OwnerReference) -> bool {
    object.owner_references().iter().any(|reference| reference.uid == owner.uid && reference.controller == Some(true))
}

fn owner_in_words<K: Resource>(object: &K) -> String {
    match object.owner_references().iter().find(|reference| reference.controller == Some(true)) {
        Some(other) => format!("controlled by {} {}", other.kind, other.name),
        None => "not owned by this ShopService".to_owned(),
    }
}

fn is_as_wanted<K: Kind>(object: &K, wanted: &Value) -> bool {
    object.annotations().get(MARK).is_some_and(|found| *found == mark(wanted, object))
}

fn mark<K: Kind>(wanted: &Value, object: &K) -> String {
    let live = serde_json::to_value(object).map(|live| project(wanted, &live)).unwrap_or_default();
    format!("{}.{}", digest(wanted), digest(&live))
}

fn digest(value: &Value) -> String {
    Sha256::digest(value.to_string()).iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Owner reference to a `ShopService`: the garbage collector removes what carries it. It does not block the owner's
/// deletion, which would need a right on its finalizers.
///
/// # Errors
/// [`Error::Field`] if it was never read from a server and so has no identity.
pub fn owner_of<K: Resource<DynamicType = ()>>(owner: &K) -> Result<OwnerReference, Error> {
    let missing = || Error::field("metadata.uid", "", "is empty", "an object read from the server has one");
    Ok(OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.meta().name.clone().ok_or_else(missing)?,
        uid: owner.meta().uid.clone().ok_or_else(missing)?,
        controller: Some(true),
        block_owner_deletion: None,
    })
}
