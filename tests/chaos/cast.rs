//! Who can be killed and started again: the operator, the API server that it writes to, the Prometheus that it reads.

use anyhow::Context;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::harness::{Load, Operator, Stage, load, signal, until};

/// The service that everything is about.
pub(crate) const SERVICE: &str = "catalog";
/// From order to Ready, as declared.
pub(crate) const LEAD: &str = "5s";

/// What a kill hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Operator,
    ApiServer,
    Prometheus,
}

/// All parts, running.
pub(crate) struct Cast {
    pub(crate) stage: Stage,
    operator: Option<Operator>,
    load: Load,
    data: tempfile::TempDir,
}

impl Cast {
    /// Starts them, and a service at constant load.
    pub(crate) async fn enter() -> anyhow::Result<Self> {
        let (stage, load) = (Stage::new().await?, load(100.0, None).await?);
        let mut cast = Self { stage, operator: None, load, data: tempfile::tempdir()? };
        cast.revive(Part::Operator).await?;
        let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
            "scaling": {"signal": signal(), "leadTime": LEAD, "capacity": {"requestsPerReplica": "60"},
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}});
        cast.stage.shop(SERVICE, spec).await?;
        cast.rested().await?;
        Ok(cast)
    }

    /// Waits until the service has what its load needs, all Ready, and nothing more; returns how many.
    pub(crate) async fn rested(&self) -> anyhow::Result<i32> {
        let shop = self.stage.status(SERVICE, "at rest", |status| {
            let count = |name: &str| status[name].as_u64();
            let needed = status["lastDecision"]["reactiveFloor"].as_u64();
            needed.is_some() && count("replicas") == needed.max(Some(2)) && count("readyReplicas") == count("replicas")
        });
        let shop = shop.await?;
        let replicas = shop.status.as_ref().and_then(|status| status.replicas).context("replicas")?;
        until(&format!("{replicas} pods are left, as the status says"), || async {
            Ok((self.living().await?.len() == replicas as usize).then_some(()))
        })
        .await?;
        Ok(i32::try_from(replicas)?)
    }

    /// Since when each living pod has been Ready.
    pub(crate) async fn ready_since(&self) -> anyhow::Result<Vec<Timestamp>> {
        let since = |pod: &Pod| {
            let conditions = pod.status.as_ref()?.conditions.as_ref()?;
            let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
            Some(ready.last_transition_time.as_ref()?.0)
        };
        self.living()
            .await?
            .iter()
            .map(|pod| since(pod).with_context(|| format!("pod {} is not Ready", pod.name_any())))
            .collect()
    }

    async fn living(&self) -> anyhow::Result<Vec<Pod>> {
        let pods: Api<Pod> = Api::namespaced(self.stage.client.clone(), &self.stage.namespace);
        let pods = pods.list(&ListParams::default()).await?.items;
        Ok(pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Operator => self.operator.take().context("the operator runs")?.kill().await,
            Part::ApiServer => self.stage.server.kill().await.map_err(Into::into),
            Part::Prometheus => self.load.prometheus.kill().await.map_err(Into::into),
        }
    }

    /// Starts it again, on the data that it left.
    pub(crate) async fn revive(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Operator => {
                let own = [self.load.url(), "--stale-after=5s".into(), "--rate-window=5s".into()];
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                self.operator = Some(self.stage.operator("one", self.data.path(), &own).await?);
                Ok(())
            }
            Part::ApiServer => self.stage.server.revive().await.map_err(Into::into),
            Part::Prometheus => self.load.prometheus.revive().await.map_err(Into::into),
        }
    }

    /// Ends them.
    pub(crate) async fn leave(mut self) -> anyhow::Result<()> {
        self.operator.take().context("the operator runs")?.stop().await
    }
}
