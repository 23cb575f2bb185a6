//! One namespace on the shared API server: an administrator who plays people, and an adapter with the operator's rights.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use kube::{Api, Client, CustomResourceExt, Resource, ResourceExt};
use presale_cluster::rbac::{OWN_NAMESPACE, RULES};
use presale_cluster::{Error, Kinds, Leadership, Observed, Stores, Target, Wakes, Writer, connect, observe, watch};
use presale_crds::{PromotionEvent, ShopService};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use test_kit::{ApiServer, AuditEntries, AuditOracle};
use tokio::sync::OnceCell;

/// Group whose members hold the rights of the table.
const GROUP: &str = "presale-operators";
/// How long anything may take: the machine may be busy.
const LIMIT: Duration = Duration::from_mins(1);

static PREPARED: OnceCell<()> = OnceCell::const_new();

/// A namespace and both sides of it.
pub(crate) struct Ground {
    pub(crate) namespace: String,
    pub(crate) people: Client,
    pub(crate) writer: Writer,
    pub(crate) stores: Stores,
    pub(crate) kinds: Kinds,
    user: String,
    oracle: AuditOracle,
}

impl Ground {
    /// A fresh namespace, watched.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let server = ApiServer::shared_with_controllers().await?;
        let people = server.client().await?;
        PREPARED.get_or_try_init(|| prepare(people.clone())).await?;
        let namespace = server.namespace().await?;
        let user = format!("operator-of-{namespace}");
        let client = operator(server, &user).await?;
        let (stores, wakes) = watch(&client, Some(&namespace));
        tokio::spawn(drain(wakes));
        stores.filled().await.map_err(|kind| anyhow::anyhow!("the watch of {kind} ended"))?;
        Ok(Self {
            namespace,
            people,
            writer: Writer::new(client.clone(), Leadership::alone()),
            stores,
            kinds: Kinds::new(client),
            user,
            oracle: AuditOracle::of(server.audit_log()),
        })
    }

    /// People's access to one kind here.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.people.clone(), &self.namespace)
    }

    /// People create an object from its JSON.
    pub(crate) async fn create<K>(&self, object: Value) -> anyhow::Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object)?;
        Ok(self.api().create(&PostParams::default(), &object).await?)
    }

    /// People create a `ShopService`, and the caches see it.
    pub(crate) async fn shop(&self, name: &str, spec: Value) -> anyhow::Result<ShopService> {
        let object = json!({"apiVersion": "presale.dev/v1alpha1", "kind": "ShopService",
            "metadata": {"name": name}, "spec": spec});
        let shop: ShopService = self.create(object).await?;
        until("the cache sees the ShopService", async || {
            Ok(self.stores.shops.state().iter().any(|seen| seen.uid() == shop.uid()))
        })
        .await?;
        Ok(shop)
    }

    /// A `ShopService` as it is now.
    pub(crate) async fn read(&self, name: &str) -> anyhow::Result<ShopService> {
        Ok(self.api().get(name).await?)
    }

    /// A Deployment that somebody else runs.
    pub(crate) async fn foreign_deployment(&self, name: &str, replicas: u32) -> anyhow::Result<Deployment> {
        let deployment = self.create(foreign("Deployment", name, replicas)).await?;
        self.cached_replicas(name, replicas).await?;
        Ok(deployment)
    }

    /// People patch an object (merge patch) under a field manager's name.
    pub(crate) async fn edit<K>(&self, manager: &str, name: &str, patch: Value) -> anyhow::Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        Ok(self.api().patch(name, &params, &Patch::Merge(patch)).await?)
    }

    /// Someone scales by hand, as `kubectl scale` does.
    pub(crate) async fn kubectl_scale(&self, name: &str, replicas: u32) -> anyhow::Result<()> {
        let params = PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.api::<Deployment>().patch_scale(name, &params, &patch).await?;
        self.cached_replicas(name, replicas).await
    }

    /// Plays the kubelet: the pod runs and is Ready from now on.
    pub(crate) async fn make_ready(&self, pod: &str) -> anyhow::Result<()> {
        let now = self.api::<Pod>().get(pod).await?.creation_timestamp();
        let status = json!({"status": {"phase": "Running", "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}]}});
        self.api::<Pod>().patch_status(pod, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    /// Waits until the cache shows so many replicas.
    pub(crate) async fn cached_replicas(&self, name: &str, replicas: u32) -> anyhow::Result<()> {
        until("the cache sees the replicas", async || {
            let all = self.stores.deployments.state();
            let found = all.iter().find(|deployment| deployment.name_any() == name);
            let current = found.and_then(|deployment| deployment.spec.as_ref()?.replicas);
            Ok(current.and_then(|n| u32::try_from(n).ok()) == Some(replicas))
        })
        .await
    }

    /// What the adapter sees of a target.
    pub(crate) async fn look(&self, target: &Target, shop: &ShopService) -> Result<Observed, Error> {
        observe(self.writer.client(), &self.stores, target, shop, clock()).await
    }

    /// What the adapter has written so far; dry runs are no writes.
    pub(crate) fn writes(&self) -> anyhow::Result<AuditEntries> {
        Ok(self.oracle.writes()?.by_user(&self.user))
    }

    /// What a user has written so far.
    pub(crate) fn writes_of(&self, user: &str) -> anyhow::Result<AuditEntries> {
        Ok(self.oracle.writes()?.by_user(user))
    }
}

/// Real time.
#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
pub(crate) fn clock() -> Timestamp {
    Timestamp::now()
}

/// A client with the operator's rights under a name of its own.
pub(crate) async fn operator(server: &ApiServer, user: &str) -> anyhow::Result<Client> {
    let mut config = server.config().await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(vec![GROUP.to_owned(), "system:authenticated".to_owned()]);
    Ok(connect(config)?)
}

/// Polls until `holds`, a minute at most.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + LIMIT;
    while tokio::time::Instant::now() < deadline {
        if holds().await.with_context(|| what.to_owned())? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("not within {LIMIT:?}: {what}")
}

/// A workload of somebody else's, whose pods carry `app: name`.
pub(crate) fn foreign(kind: &str, name: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "legacy:7"}]}}}})
}

/// The CRDs, and a role that grants the table to the operators' group.
async fn prepare(people: Client) -> anyhow::Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(people.clone());
    for crd in [ShopService::crd(), PromotionEvent::crd()] {
        let name = crd.name_any();
        crds.patch(&name, &PatchParams::apply("adapter-suite").force(), &Patch::Apply(&crd)).await?;
        await_condition(crds.clone(), &name, is_crd_established()).await?;
    }
    let rule = |rule: &presale_cluster::rbac::Rule| json!({"apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs});
    let granted: Vec<_> = RULES.iter().chain(OWN_NAMESPACE).map(rule).collect();
    let operators: ClusterRole = serde_json::from_value(json!({"metadata": {"name": GROUP}, "rules": granted}))?;
    Api::all(people.clone()).create(&PostParams::default(), &operators).await?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({"metadata": {"name": GROUP},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": GROUP},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": GROUP}]}))?;
    Api::all(people).create(&PostParams::default(), &binding).await?;
    Ok(())
}

async fn drain(wakes: Wakes) {
    let Wakes { shops, promotions, deployments, pods, autoscalers, services, accounts, budgets } = wakes;
    tokio::join!(
        shops.for_each(async |_| ()),
        promotions.for_each(async |_| ()),
        deployments.for_each(async |_| ()),
        pods.for_each(async |_| ()),
        autoscalers.for_each(async |_| ()),
        services.for_each(async |_| ()),
        accounts.for_each(async |_| ()),
        budgets.for_each(async |_| ()),
    );
}
