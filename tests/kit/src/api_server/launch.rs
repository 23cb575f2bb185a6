//! The command lines of etcd, kube-apiserver and kube-controller-manager, and when each counts as ready.

use std::path::Path;
use std::time::Duration;

use crate::process::{Launch, Process};
use crate::{ApiServerOptions, KitError, assets, ready};

/// How long a server may take: a machine that compiles meanwhile is slow.
const LIMIT: Duration = Duration::from_secs(90);

/// The loopback ports of one control plane.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) apiserver: u16,
    etcd_client: u16,
    etcd_peer: u16,
    controllers: u16,
}

impl Ports {
    pub(super) fn new([apiserver, etcd_client, etcd_peer, controllers]: [u16; 4]) -> Self {
        Self { apiserver, etcd_client, etcd_peer, controllers }
    }
}

pub(super) async fn etcd(folder: &Path, ports: &Ports) -> Result<Process, KitError> {
    let client = format!("http://127.0.0.1:{}", ports.etcd_client);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let args = vec![
        "--name=test".to_owned(),
        format!("--data-dir={}", folder.join("etcd").display()),
        "--unsafe-no-fsync".to_owned(),
        "--heartbeat-interval=10".to_owned(),
        "--election-timeout=100".to_owned(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=test={peer}"),
    ];
    let health = format!("{client}/health");
    let mut process = start("etcd", args, folder)?;
    let http = ready::http_client()?;
    ready::wait_for(&mut process, LIMIT, async || ready::answers(&http, &health).await).await?;
    Ok(process)
}

pub(super) async fn apiserver(folder: &Path, ports: &Ports, options: &ApiServerOptions) -> Result<Process, KitError> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut args = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd_client),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(), // it refuses loopback addresses, and nobody reads them
        format!("--secure-port={}", ports.apiserver),
        format!("--tls-cert-file={}", file("apiserver.crt")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(), // its controller does not run
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("service-account.pub")),
        format!("--service-account-signing-key-file={}", file("service-account.key")),
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        "--feature-gates=HPAScaleToZero=true".to_owned(),
        format!("--audit-policy-file={}", file("audit-policy.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
    ];
    args.extend(options.apiserver_args.iter().cloned());
    let mut process = start("kube-apiserver", args, folder)?;
    let readyz = format!("https://127.0.0.1:{}/readyz", ports.apiserver);
    let http = https_client(folder)?;
    ready::wait_for(&mut process, LIMIT, async || ready::answers(&http, &readyz).await).await?;
    Ok(process)
}

pub(super) async fn controllers(folder: &Path, ports: &Ports, options: &ApiServerOptions) -> Result<Process, KitError> {
    let file = |name: &str| folder.join(name).display().to_string();
    let args = vec![
        format!("--kubeconfig={}", file("controllers.kubeconfig")),
        format!("--controllers={}", options.controllers.join(",")),
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.controllers),
        format!("--cert-dir={}", file("controllers-tls")),
        format!("--root-ca-file={}", file("ca.crt")),
        format!("--service-account-private-key-file={}", file("service-account.key")),
        "--concurrent-deployment-syncs=10".to_owned(),
        "--concurrent-replicaset-syncs=10".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ];
    let mut process = start("kube-controller-manager", args, folder)?;
    let healthz = format!("https://127.0.0.1:{}/healthz", ports.controllers);
    let http = unverified_client()?;
    ready::wait_for(&mut process, LIMIT, async || ready::answers(&http, &healthz).await).await?;
    Ok(process)
}

/// Starts the control-plane tool of that name.
fn start(name: &str, args: Vec<String>, folder: &Path) -> Result<Process, KitError> {
    Process::start(&Launch { name, program: &assets::tool(name)?, args, folder, user: None, env: Vec::new() })
}

/// The ground's audit policy serves here, too.
pub(super) fn write_audit_policy(folder: &Path) -> Result<(), KitError> {
    let path = folder.join("audit-policy.yaml");
    let policy = include_str!("../../../cluster/config/audit-policy.yaml");
    std::fs::write(&path, policy).map_err(KitError::io(format!("write {}", path.display())))
}

/// A client that trusts this control plane's CA alone.
fn https_client(folder: &Path) -> Result<reqwest::Client, KitError> {
    ready::install_tls_provider();
    let path = folder.join("ca.crt");
    let pem = std::fs::read(&path).map_err(KitError::io(format!("read {}", path.display())))?;
    let certificate = reqwest::Certificate::from_pem(&pem).map_err(KitError::http("read the CA certificate"))?;
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]);
    builder.build().map_err(KitError::http("make an HTTPS client"))
}

/// The controller manager signs its own certificate on every start: only its health is asked, on loopback.
fn unverified_client() -> Result<reqwest::Client, KitError> {
    ready::install_tls_provider();
    let builder = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
    builder.build().map_err(KitError::http("make an HTTPS client"))
}
