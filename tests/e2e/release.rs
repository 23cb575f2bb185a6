//! Presale by its chart on the node, and its command line: what the suites of pods have in common.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use test_kit::Node;
use tokio::process::Command;

/// Namespace of the operator.
pub(crate) const OPERATOR: &str = "presale-system";
/// The operator as the API server knows it.
pub(crate) const ACCOUNT: &str = "system:serviceaccount:presale-system:presale";

/// The node with both images, and without the operator of an earlier run.
pub(crate) async fn node() -> anyhow::Result<Node> {
    let images = [image("presale")?, image("shop")?];
    let node = Node::up().await?;
    for image in &images {
        node.import(image).await?;
    }
    uninstall(&node).await?;
    Ok(node)
}

/// Installs the operator, with times so short that a suite is over in minutes.
pub(crate) async fn install(node: &Node, prometheus: SocketAddr) -> anyhow::Result<()> {
    let chart = root().join("deploy/charts/presale").to_string_lossy().into_owned();
    let url = format!("prometheus.url=http://{prometheus}");
    let values = [
        "image.repository=localhost/presale",
        "image.tag=dev",
        "image.pullPolicy=Never",
        "replicas=1",
        "prometheus.rateWindow=20s",
        "prometheus.staleAfter=20s",
        "tick=5s",
        &url,
    ];
    let release = ["upgrade", "--install", "presale", &chart, "--namespace", OPERATOR, "--create-namespace"];
    let with = values.into_iter().flat_map(|value| ["--set", value]);
    let args: Vec<&str> = release.into_iter().chain(["--wait", "--timeout", "90s"]).chain(with).collect();
    node.helm(&args).await?;
    Ok(())
}

/// Removes the operator, of this run or of an earlier one, and the Lease that it made: the next is to make its own.
pub(crate) async fn uninstall(node: &Node) -> anyhow::Result<()> {
    node.helm(&["uninstall", "presale", "--ignore-not-found", "--wait", "--namespace", OPERATOR]).await?;
    node.kubectl(&["delete", "lease", "presale", "--ignore-not-found", "--namespace", OPERATOR]).await?;
    Ok(())
}

/// The command line that is in the image, as an administrator; nothing tells it where the operator is.
pub(crate) async fn presale(node: &Node, namespace: &str, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(root().join("out/images/presale/presale"));
    command.args(args).args(["--namespace", namespace]).env("KUBECONFIG", node.kubeconfig());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("run presale")?;
    let said = [output.stderr, output.stdout.clone()].concat();
    ensure!(output.status.success(), "{:?} failed: {}", command.as_std(), String::from_utf8_lossy(&said).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The end of the operator's log, for a failure to be understood.
pub(crate) async fn log(node: &Node) -> String {
    let args = ["logs", "-n", OPERATOR, "-l", "app.kubernetes.io/name=presale", "--tail=30"];
    node.kubectl(&args).await.unwrap_or_else(|error| error.to_string())
}

fn image(name: &str) -> anyhow::Result<PathBuf> {
    let archive = root().join(format!("out/images/{name}.tar"));
    ensure!(archive.is_file(), "out/images/{name}.tar is missing: run `make image`");
    Ok(archive)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(clippy::disallowed_methods, reason = "pods live in real time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
