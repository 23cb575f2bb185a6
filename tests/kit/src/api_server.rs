//! A real Kubernetes API server with its own etcd and, where asked for, real controllers.

mod launch;
mod pki;

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt as _};
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use crate::process::Process;
use crate::{KitError, port, ready, scratch};
use launch::Ports;
use pki::Pki;

/// What workloads need to live: enough for Deployments, their pods' budgets and the removal of what was owned.
pub const DEPLOYMENT_CONTROLLERS: &[&str] = &[
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
];

/// An etcd and a kube-apiserver on free loopback ports; there is no node, so pods stay Pending unless a test writes
/// their status.
///
/// The admission plugin `ServiceAccount` is off, authorization is RBAC, and every request that is not a read of the
/// control plane itself is in the [audit log](ApiServer::audit_log).
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use kube::{Api, api::PostParams};
/// use k8s_openapi::api::core::v1::ConfigMap;
///
/// let server = test_kit::ApiServer::shared().await?; // one per test binary
/// let namespace = server.namespace().await?;         // one per test
/// let maps: Api<ConfigMap> = Api::namespaced(server.client().await?, &namespace);
/// let map: ConfigMap = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}}))?;
/// maps.create(&PostParams::default(), &map).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ApiServer {
    folder: PathBuf,
    ports: Ports,
    processes: Mutex<Processes>,
}

/// In the order in which they are dropped: clients before their server.
#[derive(Debug)]
struct Processes {
    controllers: Option<Process>,
    apiserver: Process,
    etcd: Process,
}

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct ApiServerOptions {
    /// The kube-controller-manager's controllers to run, by their names ("deployment-controller"); with none it is
    /// not started.
    pub controllers: Vec<String>,
    /// Extra arguments of kube-apiserver.
    pub apiserver_args: Vec<String>,
}

impl ApiServerOptions {
    /// Options with these controllers.
    pub fn with_controllers(controllers: &[&str]) -> Self {
        Self { controllers: controllers.iter().map(|&name| name.to_owned()).collect(), ..Self::default() }
    }
}

static SHARED: OnceCell<ApiServer> = OnceCell::const_new();
static SHARED_WITH_CONTROLLERS: OnceCell<ApiServer> = OnceCell::const_new();

impl ApiServer {
    /// The one server of this test binary, without controllers.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn shared() -> Result<&'static Self, KitError> {
        SHARED.get_or_try_init(|| Self::start(ApiServerOptions::default())).await
    }

    /// The one server of this test binary that runs [`DEPLOYMENT_CONTROLLERS`].
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn shared_with_controllers() -> Result<&'static Self, KitError> {
        let options = || ApiServerOptions::with_controllers(DEPLOYMENT_CONTROLLERS);
        SHARED_WITH_CONTROLLERS.get_or_try_init(|| Self::start(options())).await
    }

    /// Starts a server of its own; it ends when the handle is dropped. Takes about six seconds.
    ///
    /// # Errors
    /// [`KitError::Missing`] if a program is not built; [`KitError::Ended`] or [`KitError::NotReady`] if it would not
    /// start within 90 s.
    pub async fn start(options: ApiServerOptions) -> Result<Self, KitError> {
        let folder = scratch::folder("apiserver")?;
        let ports = Ports::new(port::free()?);
        Pki::create()?.write(&folder)?;
        launch::write_audit_policy(&folder)?;
        write_kubeconfig(&folder, "admin", ports.apiserver)?;
        write_kubeconfig(&folder, "controllers", ports.apiserver)?;
        let etcd = launch::etcd(&folder, &ports).await?;
        let apiserver = launch::apiserver(&folder, &ports, &options).await?;
        let controllers = if options.controllers.is_empty() {
            None
        } else {
            Some(launch::controllers(&folder, &ports, &options).await?)
        };
        Ok(Self { folder, ports, processes: Mutex::new(Processes { controllers, apiserver, etcd }) })
    }

    /// `https://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.apiserver)
    }

    /// The administrator's kubeconfig file, for a program under test.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// The audit log: JSON lines, written before the response is.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    /// The administrator's client configuration: change it to go through a proxy or to be somebody else.
    ///
    /// # Errors
    /// [`KitError::Kubeconfig`] if the file cannot be read back.
    pub async fn config(&self) -> Result<Config, KitError> {
        config_of(&self.kubeconfig()).await
    }

    /// A new client of the administrator; make one per test, for it lives on the test's runtime.
    ///
    /// # Errors
    /// [`KitError::Kubeconfig`] or [`KitError::Kube`] if its configuration is refused.
    pub async fn client(&self) -> Result<Client, KitError> {
        client_of(self.config().await?)
    }

    /// A new client of somebody else, by impersonation: RBAC and the audit log see that user.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub async fn client_as(&self, user: &str, groups: &[&str]) -> Result<Client, KitError> {
        let mut config = self.config().await?;
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.iter().map(|&group| group.to_owned()).collect());
        client_of(config)
    }

    /// Creates a namespace of its own for one test and returns its name.
    ///
    /// # Errors
    /// [`KitError::Kube`] if the server refuses.
    pub async fn namespace(&self) -> Result<String, KitError> {
        create_namespace(self.client().await?).await
    }

    /// Kills the kube-apiserver as `kill -9` does; etcd keeps what was written.
    ///
    /// # Errors
    /// [`KitError::Io`] if the process cannot be killed.
    pub async fn kill(&self) -> Result<(), KitError> {
        self.processes.lock().await.apiserver.kill()
    }

    /// Starts the kube-apiserver again on the same port, after [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive(&self) -> Result<(), KitError> {
        let mut processes = self.processes.lock().await;
        processes.apiserver.kill()?;
        processes.apiserver = launch::apiserver(&self.folder, &self.ports, &ApiServerOptions::default()).await?;
        Ok(())
    }

    /// Process ids of all that runs for this handle.
    pub async fn process_ids(&self) -> Vec<u32> {
        let processes = self.processes.lock().await;
        let optional = processes.controllers.as_ref().map(Process::id);
        [processes.etcd.id(), processes.apiserver.id()].into_iter().chain(optional).collect()
    }
}

/// A client on the current runtime.
pub(crate) fn client_of(config: Config) -> Result<Client, KitError> {
    ready::install_tls_provider();
    Client::try_from(config).map_err(KitError::kube("make a Kubernetes client"))
}

/// The client configuration in a kubeconfig file.
pub(crate) async fn config_of(path: &Path) -> Result<Config, KitError> {
    let refused = |source| KitError::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(refused)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(refused)?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.proxy_url = None;
    Ok(config)
}

/// A namespace whose name the server makes unique.
pub(crate) async fn create_namespace(client: Client) -> Result<String, KitError> {
    let metadata = ObjectMeta { generate_name: Some("test-".to_owned()), ..ObjectMeta::default() };
    let wanted = Namespace { metadata, ..Namespace::default() };
    let created = Api::<Namespace>::all(client).create(&PostParams::default(), &wanted).await;
    Ok(created.map_err(KitError::kube("create a namespace"))?.name_any())
}

/// A kubeconfig that names the certificate files of one user; JSON is YAML.
fn write_kubeconfig(folder: &Path, user: &str, port: u16) -> Result<(), KitError> {
    let file = |name: String| folder.join(name).display().to_string();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority": file("ca.crt".to_owned())}}],
        "users": [{"name": user, "user": {
            "client-certificate": file(format!("{user}.crt")), "client-key": file(format!("{user}.key"))}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
    });
    let path = folder.join(format!("{user}.kubeconfig"));
    std::fs::write(&path, kubeconfig.to_string()).map_err(KitError::io(format!("write {}", path.display())))
}
