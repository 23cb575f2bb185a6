//! How commands reach the cluster and the operator in it: by the kubeconfig, and by the leader's pod through the API server.

use anyhow::Context;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use super::exit::Failure;

/// Where the objects are.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Place {
    /// Namespace of the objects; the kubeconfig's current one where it is absent
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

/// Where the operator is.
#[expect(clippy::doc_markdown, reason = "the text of --help, where marks of links and code are noise")]
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Reach {
    /// Address of the operator, such as http://127.0.0.1:8080; its leader's pod, through the API server, where it is absent
    #[arg(long, env = "PRESALE_OPERATOR", value_name = "URL")]
    operator: Option<String>,
    /// Namespace that the operator runs in
    #[arg(long, env = "PRESALE_OPERATOR_NAMESPACE", default_value = "presale-system", value_name = "NAME")]
    pub(crate) operator_namespace: String,
    /// Name of the operator's Lease
    #[arg(long, env = "PRESALE_LEASE_NAME", default_value = "presale", value_name = "NAME")]
    pub(crate) lease_name: String,
    /// Port of the operator's pod
    #[arg(long, env = "PRESALE_OPERATOR_PORT", default_value_t = 8080, value_name = "PORT")]
    operator_port: u16,
}

/// A way to ask the operator.
#[derive(Clone)]
pub(crate) struct Operator {
    client: Client,
    base: String,
}

impl Place {
    /// A client, and the namespace that is meant.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] without a usable kubeconfig.
    pub(crate) async fn connect(&self) -> anyhow::Result<(Client, String)> {
        let config = kubeconfig().await?;
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok((presale_cluster::connect(config)?, namespace))
    }
}

/// The kubeconfig, or the service account's inside of a cluster.
///
/// # Errors
/// [`Failure::Unreachable`] where there is none.
pub(crate) async fn kubeconfig() -> anyhow::Result<kube::Config> {
    kube::Config::infer().await.map_err(|error| Failure::Unreachable(format!("no usable kubeconfig: {error}")).into())
}

impl Reach {
    /// Finds the operator.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where nobody holds the lease.
    pub(crate) async fn operator(&self, client: &Client) -> anyhow::Result<Operator> {
        if let Some(url) = &self.operator {
            let mut config = kube::Config::new(url.parse().with_context(|| format!("--operator {url}"))?);
            config.default_retry = false;
            return Ok(Operator { client: Client::try_from(config)?, base: String::new() });
        }
        let holder = self.holder(client).await?.ok_or_else(|| {
            let place = format!("{}/{}", self.operator_namespace, self.lease_name);
            Failure::Unreachable(format!(
                "no operator leads (Lease {place}): is it installed? Name it by --operator URL or --operator-namespace"
            ))
        })?;
        let (namespace, port) = (&self.operator_namespace, self.operator_port);
        Ok(Operator {
            client: client.clone(),
            base: format!("/api/v1/namespaces/{namespace}/pods/{holder}:{port}/proxy"),
        })
    }

    /// Name of the pod that leads; `None` where none does.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where the Lease cannot be read.
    pub(crate) async fn holder(&self, client: &Client) -> anyhow::Result<Option<String>> {
        let leases: Api<Lease> = Api::namespaced(client.clone(), &self.operator_namespace);
        let lease = leases.get_opt(&self.lease_name).await.map_err(unreachable)?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty()))
    }
}

impl Operator {
    /// Asks for a JSON document.
    ///
    /// # Errors
    /// [`Failure::NotFound`] with the operator's words, [`Failure::Unreachable`] where it does not answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = http::Request::get(format!("{}{path}", self.base)).body(Vec::new())?;
        let text = self.client.request_text(request).await.map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 404 => Failure::NotFound(detail(&status.message)),
            kube::Error::Api(status) if status.code == 503 && !status.message.is_empty() => {
                Failure::Unreachable(detail(&status.message))
            }
            _ => Failure::Unreachable(format!("the operator does not answer: {error}")),
        })?;
        serde_json::from_str(&text).context("the operator's answer is of another version: use the same for both")
    }
}

/// The words of a problem+json body, where it is one.
fn detail(text: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(text.trim_matches('"')).ok();
    problem.and_then(|p| Some(p.get("detail")?.as_str()?.to_owned())).unwrap_or_else(|| text.to_owned())
}

/// A failed call to the API server.
pub(crate) fn unreachable(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) => anyhow::Error::from(kube::Error::Api(status)),
        other => Failure::Unreachable(format!("the API server does not answer: {other}")).into(),
    }
}

/// A failed call about one object.
pub(crate) fn about(kind: &str, namespace: &str, name: &str, error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            Failure::NotFound(format!("there is no {kind} {namespace}/{name}")).into()
        }
        kube::Error::Api(status) => anyhow::anyhow!("{kind} {namespace}/{name}: {}", status.message),
        other => unreachable(other),
    }
}
