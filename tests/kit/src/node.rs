//! The ground: the one real Kubernetes node of this machine.

mod pod_group;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;

use crate::api_server::{client_of, config_of, create_namespace};
use crate::{AuditOracle, KitError, assets, command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/ground.sh");
const KUBECONFIG: &str = "/run/presale-ground/kubeconfig/admin";
/// The node as pods see it.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
/// Longest wait for a `NodePort`, and the time between two tries.
const OPENS: Duration = Duration::from_secs(30);
const KNOCKS: Duration = Duration::from_millis(100);
/// Who knocks; load comes from 127.0.0.1.
const KNOCKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const AUDIT_LOG: &str = "/var/lib/presale-ground/log/audit.log";

/// A node that runs pods; it is shared by all tests of the machine and stays up after them.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let node = test_kit::Node::up().await?; // starts it, heals it, or finds it
/// let namespace = node.namespace().await?;
/// node.kubectl(&["run", "web", "--image=localhost/shop:dev", "--image-pull-policy=Never", "-n", &namespace]).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Node {
    kubectl: PathBuf,
}

impl Node {
    /// Brings the ground up: 15 s when its programs are built, one second when it runs.
    ///
    /// # Errors
    /// [`KitError::Missing`] if the programs are not built; [`KitError::Command`] with what the script said.
    pub async fn up() -> Result<Self, KitError> {
        let kubectl = assets::tool("kubectl")?;
        command::run(Command::new(SCRIPT).arg("up")).await?;
        Ok(Self { kubectl })
    }

    /// Takes the ground down, whoever started it.
    ///
    /// # Errors
    /// [`KitError::Command`] with what the script said.
    pub async fn down() -> Result<(), KitError> {
        command::run(Command::new(SCRIPT).arg("down")).await.map(drop)
    }

    /// The administrator's kubeconfig file.
    pub fn kubeconfig(&self) -> &'static Path {
        Path::new(KUBECONFIG)
    }

    /// A new client of the administrator; make one per test, for it lives on the test's runtime.
    ///
    /// # Errors
    /// [`KitError::Kubeconfig`] or [`KitError::Kube`] if its configuration is refused.
    pub async fn client(&self) -> Result<Client, KitError> {
        client_of(config_of(self.kubeconfig()).await?)
    }

    /// Creates a namespace of its own for one test and returns its name; whoever made it removes it.
    ///
    /// # Errors
    /// [`KitError::Kube`] if the server refuses.
    pub async fn namespace(&self) -> Result<String, KitError> {
        let namespace = create_namespace(self.client().await?).await?;
        // Before this account exists every pod is refused.
        self.kubectl(&["wait", "--for=create", "serviceaccount/default", "--timeout=60s", "-n", &namespace]).await?;
        Ok(namespace)
    }

    /// Runs kubectl as the administrator and returns what it printed on standard output.
    ///
    /// # Errors
    /// [`KitError::Command`] with what it said.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String, KitError> {
        command::run(Command::new(&self.kubectl).arg("--kubeconfig").arg(KUBECONFIG).args(args)).await
    }

    /// Runs Helm as the administrator and returns what it printed on standard output.
    ///
    /// # Errors
    /// [`KitError::Missing`] if it is not built; [`KitError::Command`] with what it said.
    pub async fn helm(&self, args: &[&str]) -> Result<String, KitError> {
        let helm = assets::tool("helm")?;
        command::run(Command::new(helm).arg("--kubeconfig").arg(KUBECONFIG).args(args)).await
    }

    /// Brings an image archive (docker or OCI) to the node; nothing is ever pulled.
    ///
    /// # Errors
    /// [`KitError::Command`] with what the script said.
    pub async fn import(&self, archive: &Path) -> Result<(), KitError> {
        command::run(Command::new(SCRIPT).arg("import").arg(archive)).await.map(drop)
    }

    /// Opens an address for pods that leads to `server` (`127.0.0.1:port`) on this machine's loopback; it ends with the
    /// runtime that it was opened on.
    ///
    /// # Errors
    /// [`KitError::Io`] if the node's address cannot be listened on.
    pub async fn open_to_pods(&self, server: &str) -> Result<SocketAddr, KitError> {
        let failed = || KitError::io(format!("listen on {HOST}, where pods can reach {server}"));
        let listener = TcpListener::bind((HOST, 0)).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((mut pod, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        // Its end is the end of both connections.
                        let _ = copy_bidirectional(&mut pod, &mut server).await;
                    }
                });
            }
        });
        Ok(address)
    }

    /// Waits until a `NodePort` on this machine's loopback takes connections; half a minute at most. To be called before load.
    ///
    /// A `NodePort` may open some moments after its pods are Ready. What knocks earlier is rejected, and that leaves an entry
    /// in the kernel's connection tracking for two minutes: the next connection from the same client address and port is
    /// not led to a pod but refused, once, though the `NodePort` has long been open. So this knocks from an address of its
    /// own, which no load comes from.
    ///
    /// # Errors
    /// [`KitError::Answer`] if it does not open.
    pub async fn opened(node_port: u16) -> Result<(), KitError> {
        let knocking = async {
            while knock(node_port).await.is_err() {
                tokio::time::sleep(KNOCKS).await;
            }
        };
        tokio::time::timeout(OPENS, knocking).await.map_err(|_| KitError::Answer {
            doing: format!("connect to NodePort {node_port} on 127.0.0.1"),
            answer: format!("refused for {} s: a Service with it and a Ready pod would pass", OPENS.as_secs()),
        })
    }

    /// Process ids of all containers of the pod with this uid.
    ///
    /// # Errors
    /// [`KitError::Answer`] if it has no control group, [`KitError::Io`] if that cannot be read.
    pub fn processes(&self, uid: &str) -> Result<Vec<u32>, KitError> {
        pod_group::processes(uid)
    }

    /// Makes the pod with this uid sick: cuts its CPU to `per_mille` of its limit, at least 1 ms per second.
    ///
    /// The kubelet writes a pod's quota only when the pod changes, so the cut holds until the pod is gone.
    ///
    /// # Errors
    /// [`KitError::Answer`] if it has no control group or no CPU limit, [`KitError::Io`] if the quota cannot be written.
    pub fn cut_cpu(&self, uid: &str, per_mille: u64) -> Result<(), KitError> {
        pod_group::cut_cpu(uid, per_mille)
    }

    /// CPU that the pod with this uid may use, as its control group says now. **Unit**: processors; `None` = unlimited.
    ///
    /// # Errors
    /// [`KitError::Answer`] if it has no control group, [`KitError::Io`] if that cannot be read.
    pub fn cpu_limit(&self, uid: &str) -> Result<Option<f64>, KitError> {
        pod_group::cpu_limit(uid)
    }

    /// CPU time that all containers of the pod with this uid have taken so far. **Unit**: seconds.
    ///
    /// # Errors
    /// [`KitError::Answer`] if it has no control group, [`KitError::Io`] if that cannot be read.
    pub fn cpu_seconds(&self, uid: &str) -> Result<f64, KitError> {
        pod_group::cpu_seconds(uid)
    }

    /// What the ground's API server was asked to do.
    pub fn audit(&self) -> AuditOracle {
        AuditOracle::of(AUDIT_LOG)
    }
}

async fn knock(node_port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((KNOCKER, 0).into())?;
    socket.connect((Ipv4Addr::LOCALHOST, node_port).into()).await
}
