//! Endpoints from the cluster: `EndpointSlices` of a real API server, and traffic that follows them.

use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use test_kit::ApiServer;
use tokio::net::TcpListener;

use crate::running::{Files, Gateway, until};
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things"
    service = "things"
    audience = "public"
    in_all = { per_second = 1000000, burst = 1000000 }
"#;

/// An address of this machine that is not a loopback one: the API server takes no others for endpoints.
fn address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent; the kernel only says from where it would be.
    socket
        .connect("198.51.100.1:9")
        .expect("an address besides loopback: ip link add eth0 type dummy, and give it one");
    socket.local_addr().unwrap().ip()
}

pub(crate) async fn service() -> Service {
    Service::at(TcpListener::bind((address(), 0)).await.unwrap(), 1_000)
}

fn endpoint(conditions: &Value) -> Value {
    json!([{"addresses": [address().to_string()], "conditions": conditions}])
}

/// A slice of one endpoint of the Service `of`.
pub(crate) fn slice(name: &str, of: &str, service: &Service, conditions: &Value) -> EndpointSlice {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": of}},
        "addressType": "IPv4", "endpoints": endpoint(conditions),
        "ports": [{"name": "http", "port": service.address.port(), "protocol": "TCP"}],
    }))
    .unwrap()
}

async fn answered_by(gateway: &Gateway, count: usize) -> Vec<String> {
    let answers = join_all((0..count).map(|_| gateway.get("/v1/things"))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    answers.iter().map(|answer| answer.json()["by"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_ready_pod_takes_traffic_at_once_and_a_leaving_one_only_finishes() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let namespace = server.namespace().await?;
    let slices = Api::<EndpointSlice>::namespaced(server.client().await?, &namespace);
    let [one, two] = [service().await, service().await];
    let ready = json!({"ready": true, "serving": true, "terminating": false});
    let files = Files::new(ROUTES, &[]);
    let kubeconfig = server.kubeconfig().display().to_string();
    let flags = [format!("--namespace={namespace}"), format!("--kubeconfig={kubeconfig}")];
    let gateway = files.start(&[&flags[0], &flags[1], "--hold-timeout=60s"]).await;

    // From zero: the first request waits for the first pod.
    let first = gateway.get("/v1/things");
    let comes = async {
        let offered = r#"shop_requests_offered_total{route="/v1/things",priority="normal"}"#;
        until("it is held", async || gateway.metric(offered).await == Some(1.0)).await;
        slices.create(&PostParams::default(), &slice("things-1", "things", &one, &ready)).await
    };
    let (first, created) = tokio::join!(first, comes);
    created?;
    assert_eq!(first.json()["by"], one.address.to_string());

    // A pod that is not ready gets nothing, one that is gets its share.
    let starting = json!({"ready": false, "serving": false, "terminating": false});
    slices.create(&PostParams::default(), &slice("things-2", "things", &two, &starting)).await?;
    answered_by(&gateway, 40).await;
    assert_eq!(two.seen(), 0);
    let patch = |conditions: &Value| Patch::Merge(json!({"endpoints": endpoint(conditions)}));
    slices.patch("things-2", &PatchParams::default(), &patch(&ready)).await?;
    until("the new pod takes traffic", async || answered_by(&gateway, 10).await.contains(&two.address.to_string()))
        .await;

    // The first leaves with requests on the way: they end well, and it gets no new one.
    one.works_for(Duration::from_secs(3));
    let (seen, answered) = (one.seen(), one.told.answered.load(Ordering::SeqCst));
    let running = answered_by(&gateway, 20);
    let leaves = async {
        until("it has requests", async || one.seen() > seen).await;
        let leaving = json!({"ready": false, "serving": true, "terminating": true});
        slices.patch("things-1", &PatchParams::default(), &patch(&leaving)).await.unwrap();
        until("it gets no new one", async || {
            let before = one.seen();
            answered_by(&gateway, 10).await;
            one.seen() == before
        })
        .await;
    };
    tokio::join!(running, leaves);
    assert_eq!(one.told.answered.load(Ordering::SeqCst) - answered, one.seen() - seen);
    slices.delete("things-1", &DeleteParams::default()).await?;
    assert!(answered_by(&gateway, 20).await.iter().all(|by| *by == two.address.to_string()));
    Ok(())
}
