//! The cluster that a command talks to, from the same kubeconfig and flags as kubectl.

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Which cluster, and which namespace in it.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Cluster {
    /// Namespace; default: the context's
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Context of the kubeconfig; default: the current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Path of the kubeconfig; default: $KUBECONFIG, then ~/.kube/config, then the pod's service account
    #[arg(long, value_name = "PATH")]
    kubeconfig: Option<std::path::PathBuf>,
}

impl Cluster {
    /// Connects, and says which namespace is meant.
    ///
    /// # Errors
    /// When there is no kubeconfig, or it makes no client.
    pub(crate) async fn connect(&self) -> anyhow::Result<(Client, String)> {
        let config = self.config().await?;
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok((presale_cluster::connect(config)?, namespace))
    }

    async fn config(&self) -> anyhow::Result<Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let advice = "no cluster to talk to: set KUBECONFIG or pass --kubeconfig PATH";
        if let Some(path) = &self.kubeconfig {
            let file = Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
            return Config::from_custom_kubeconfig(file, &options).await.context(advice);
        }
        if self.context.is_some() {
            return Config::from_kubeconfig(&options).await.context(advice);
        }
        Config::infer().await.context(advice)
    }
}

/// Says a refusal of the API server in its own words, which name field and cure.
pub(crate) fn refusal(error: kube::Error, object: &str) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.is_not_found() => anyhow::anyhow!("{object} does not exist"),
        kube::Error::Api(status) => anyhow::anyhow!("{object}: {}", status.message),
        other => anyhow::Error::new(other).context(object.to_owned()),
    }
}
