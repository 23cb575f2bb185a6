//! Endpoints from the cluster: a new pod takes traffic as soon as it is ready, a leaving one gets no new request.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Config};
use shop_kit::peer::install_tls_provider;
use tokio_util::sync::CancellationToken;

use crate::directory::{Directory, Place, Places};
use crate::error::GatewayError;

/// Label of the service whose endpoints a slice holds.
///
/// **Source**: Kubernetes, `discovery.k8s.io/v1`.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A client by the kubeconfig, or as the pod's own account.
///
/// # Errors
/// Where there is no configuration that can be used.
pub async fn client(namespace: &str, kubeconfig: Option<&Path>) -> Result<Client, GatewayError> {
    install_tls_provider();
    let refused = |source: Box<dyn std::error::Error + Send + Sync>| GatewayError::Cluster {
        namespace: namespace.to_owned(),
        source,
    };
    let config = match kubeconfig {
        None => Config::infer().await.map_err(|error| refused(Box::new(error)))?,
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| refused(Box::new(error)))?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| refused(Box::new(error)))?
        }
    };
    Client::try_from(config).map_err(|error| refused(Box::new(error)))
}

/// Tells the directory of every change, until `stop`; while the API server is away, what was known last holds.
pub async fn follow(client: Client, namespace: String, directory: Arc<Directory>, stop: CancellationToken) {
    let (store, writer) = reflector::store::<EndpointSlice>();
    let slices = Api::<EndpointSlice>::namespaced(client, &namespace);
    let events = watcher(slices, watcher::Config::default().labels(SERVICE_NAME)).default_backoff().reflect(writer);
    pin_mut!(events);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = stop.cancelled() => return,
        };
        match event {
            Some(Ok(watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_))) => {
                directory.tell(places(store.state().iter().map(AsRef::as_ref)));
            }
            Some(Ok(watcher::Event::Init | watcher::Event::InitApply(_))) => {}
            Some(Err(error)) => tracing::warn!(%error, "endpoints stay as they were"),
            None => return,
        }
    }
}

/// The endpoints that are ready and not leaving, on every port.
fn places<'a>(slices: impl Iterator<Item = &'a EndpointSlice>) -> Places {
    let mut places = Places::new();
    for slice in slices {
        let Some(service) = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME)) else {
            continue;
        };
        let known = places.entry(service.clone()).or_default();
        for address in
            slice.endpoints.iter().flatten().filter(|endpoint| takes_traffic(endpoint)).flat_map(|e| &e.addresses)
        {
            let Ok(address) = address.parse::<IpAddr>() else { continue };
            for port in slice.ports.iter().flatten() {
                let Some(number) = port.port.and_then(|port| u16::try_from(port).ok()) else { continue };
                let port = port.name.clone().filter(|name| !name.is_empty());
                known.push(Place { port, address: (address, number).into() });
            }
        }
    }
    places
}

fn takes_traffic(endpoint: &k8s_openapi::api::discovery::v1::Endpoint) -> bool {
    let Some(conditions) = &endpoint.conditions else { return true };
    conditions.ready.unwrap_or(true) && !conditions.terminating.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_ready_endpoints_that_are_not_leaving_are_told_of() {
        let endpoint =
            |last: u8, conditions| json!({"addresses": [format!("10.0.0.{last}")], "conditions": conditions});
        let slice = |service: &str, endpoints| -> EndpointSlice {
            serde_json::from_value(json!({"addressType": "IPv4", "endpoints": endpoints,
                "metadata": {"labels": {SERVICE_NAME: service}},
                "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}]}))
            .unwrap()
        };
        let slices = [
            slice("catalog", json!([endpoint(1, json!({"ready": true})), endpoint(2, json!({"ready": false}))])),
            slice("catalog", json!([endpoint(3, json!({})), endpoint(4, json!({"ready": true, "terminating": true}))])),
            slice("cart", json!([])),
        ];
        let places = places(slices.iter());
        let of = |port: &str| -> Vec<String> {
            let on = places["catalog"].iter().filter(|place| place.port.as_deref() == Some(port));
            on.map(|place| place.address.to_string()).collect()
        };
        assert_eq!(of("http"), ["10.0.0.1:8080", "10.0.0.3:8080"]);
        assert_eq!(of("metrics"), ["10.0.0.1:9090", "10.0.0.3:9090"]);
        assert_eq!(places["cart"], []);
    }
}
