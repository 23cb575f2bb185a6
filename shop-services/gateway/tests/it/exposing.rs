//! Routes from the cluster: what `ShopServices` of a real API server expose, and traffic that follows them.

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, CustomResourceExt};
use presale_crds::ShopService;
use serde_json::{Value, json};
use test_kit::ApiServer;

use crate::following::{service, slice};
use crate::running::{Files, Gateway, until};

/// The page and the robots of the shop stand in the file; services bring their own routes.
const ROUTES: &str = r#"
    bots = ["bot"]
    [[route]]
    path = "/v1/kept"
    service = "things"
    audience = "public"
"#;

/// A namespace of the API server, which knows our kinds.
pub(crate) struct Cluster {
    pub(crate) namespace: String,
    pub(crate) slices: Api<EndpointSlice>,
    shops: Api<ShopService>,
    flags: Vec<String>,
}

impl Cluster {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let server = ApiServer::shared().await?;
        let client = server.client().await?;
        let crds = Api::all(client.clone());
        let crd = ShopService::crd();
        crds.patch("shopservices.presale.dev", &PatchParams::apply("test").force(), &Patch::Apply(&crd)).await?;
        let established = kube::runtime::conditions::is_crd_established();
        kube::runtime::wait::await_condition(crds, "shopservices.presale.dev", established).await?;
        let namespace = server.namespace().await?;
        let flags = vec![
            format!("--namespace={namespace}"),
            format!("--kubeconfig={}", server.kubeconfig().display()),
            "--exposed".to_owned(),
            "--hold-timeout=60s".to_owned(),
        ];
        let (shops, slices) = (Api::namespaced(client.clone(), &namespace), Api::namespaced(client, &namespace));
        Ok(Self { namespace, slices, shops, flags })
    }

    /// Makes a service that exposes this.
    pub(crate) async fn shop(&self, name: &str, expose: &Value) -> anyhow::Result<()> {
        let shop: ShopService = serde_json::from_value(json!({
            "apiVersion": "presale.dev/v1alpha1", "kind": "ShopService", "metadata": {"name": name},
            "spec": {"image": "things:1", "replicas": {"min": 1, "max": 3}, "expose": expose},
        }))?;
        self.shops.create(&PostParams::default(), &shop).await?;
        Ok(())
    }

    async fn gateway(&self, files: &Files) -> Gateway {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        files.start(&flags).await
    }
}

async fn status(gateway: &Gateway, method: &str, path: &str) -> u16 {
    gateway.client.send(method, path, &[], None).await.unwrap().status
}

#[tokio::test]
async fn what_services_expose_is_reachable_as_they_say_and_changes_with_them() -> anyhow::Result<()> {
    let cluster = Cluster::new().await?;
    let files = Files::new(ROUTES, &[]);
    let [things, others] = [service().await, service().await];
    let ready = json!({"ready": true, "serving": true, "terminating": false});
    cluster.slices.create(&PostParams::default(), &slice("things-1", "things", &things, &ready)).await?;
    cluster.slices.create(&PostParams::default(), &slice("visitors-1", "visitors", &others, &ready)).await?;
    let exposed = json!({"routes": [
        {"path": "/v1/things", "methods": ["GET"], "audience": "Public", "priority": "Critical", "deadline": "5s"},
        {"path": "/v1/things", "methods": ["POST"], "audience": "Public", "bodyLimit": 8,
            "limits": {"perClient": {"perSecond": 1, "burst": 2}}},
        {"path": "/v1/things/{id}", "audience": "Admin"},
        {"path": "/v1/mine/{*rest}", "audience": "Customer"},
    ]});
    cluster.shop("things", &exposed).await?;
    let gateway = cluster.gateway(&files).await;
    let get = async |path: &str| status(&gateway, "GET", path).await;

    assert_eq!((get("/v1/kept").await, get("/v1/things").await), (200, 200), "the file's, and the service's");
    let offered = r#"shop_requests_offered_total{route="/v1/things",priority="critical"}"#;
    assert_eq!(gateway.metric(offered).await, Some(1.0), "demand by route and class");
    let of_service = |method: &str, class: &str| {
        format!(r#"shop_gateway_requests_offered_total{{backend="things",route="/v1/{method}",priority="{class}"}}"#)
    };
    assert_eq!(gateway.metric(&of_service("things", "critical")).await, Some(1.0), "and by service");
    assert_eq!(gateway.metric(&of_service("mine/{*rest}", "normal")).await, Some(0.0), "from the start");
    assert_eq!((get("/v1/things/7").await, get("/v1/mine/a/b").await, get("/v1/others").await), (401, 401, 404));
    assert_eq!(status(&gateway, "DELETE", "/v1/things").await, 405);
    let post = async |body| gateway.client.send("POST", "/v1/things", &[], Some(body)).await.unwrap().status;
    assert_eq!((post("{}").await, post("[1, 2, 3, 4]").await, post("{}").await), (200, 413, 429), "body and limit");

    // A new service, of one host, is reachable while the gateway runs; what another has it cannot take.
    let late = json!({"host": "shop.example", "routes": [{"path": "/v1/others", "audience": "Public"}]});
    cluster.shop("visitors", &late).await?;
    let asked = async |host: &str| gateway.client.send("GET", "/v1/others", &[("host", host)], None).await.unwrap();
    until("the new service is reachable", async || asked("shop.example").await.status == 200).await;
    assert_eq!(asked("shop.example").await.json()["by"], others.address.to_string());
    assert_eq!(asked("elsewhere.example").await.status, 404);
    let thief = json!({"routes": [{"path": "/v1/things", "methods": ["GET"], "audience": "Public"},
        {"path": "/v1/thief", "audience": "Public"}]});
    let patch = |expose: &Value| Patch::Merge(json!({"spec": {"expose": expose}}));
    let taken = json!({"host": null, "routes": thief["routes"]});
    cluster.shops.patch("visitors", &PatchParams::default(), &patch(&taken)).await?;
    until("the other route of it is there", async || get("/v1/thief").await == 200).await;
    assert_eq!(gateway.get("/v1/things").await.json()["by"], things.address.to_string(), "the older one's stands");

    // A route that is taken back, and a service that goes, are not reachable any more.
    let less = json!({"routes": [{"path": "/v1/things", "methods": ["GET"], "audience": "Public"}]});
    cluster.shops.patch("things", &PatchParams::default(), &patch(&less)).await?;
    until("a route is taken back", async || get("/v1/things/7").await == 404).await;
    assert_eq!(get("/v1/things").await, 200);
    cluster.shops.delete("things", &DeleteParams::default()).await?;
    until("the younger one's stands now", async || {
        gateway.get("/v1/things").await.json()["by"] == others.address.to_string()
    })
    .await;
    assert_eq!(get("/v1/kept").await, 200, "the file's own are as they were");
    Ok(())
}

#[tokio::test]
async fn what_this_gateway_does_not_know_changes_nothing_and_a_first_request_waits_for_a_pod() -> anyhow::Result<()> {
    let cluster = Cluster::new().await?;
    let files = Files::new(ROUTES, &[]);
    cluster.shop("things", &json!({"routes": [{"path": "/v1/things", "audience": "Public"}]})).await?;
    let gateway = cluster.gateway(&files).await;
    let things = service().await;
    let ready = json!({"ready": true, "serving": true, "terminating": false});
    // From zero: the exposed service has no pod yet.
    let first = gateway.get("/v1/things");
    let comes = async {
        let offered = r#"shop_requests_offered_total{route="/v1/things",priority="normal"}"#;
        until("it is held", async || gateway.metric(offered).await == Some(1.0)).await;
        cluster.slices.create(&PostParams::default(), &slice("things-1", "things", &things, &ready)).await
    };
    let (first, created) = tokio::join!(first, comes);
    created?;
    assert_eq!(first.status, 200);
    // The pattern is one that CEL lets through and the router does not: two captures of different names in one place.
    let odd = json!({"routes": [{"path": "/v1/things", "audience": "Public"},
        {"path": "/v1/a/{one}", "audience": "Public"}, {"path": "/v1/a/{two}", "audience": "Public"},
        {"path": "/v1/b", "audience": "Public"}]});
    let patch = Patch::Merge(json!({"spec": {"expose": odd}}));
    cluster.shops.patch("things", &PatchParams::default(), &patch).await?;
    until("its other routes are there", async || gateway.get("/v1/b").await.status == 200).await;
    assert_eq!((gateway.get("/v1/things").await.status, gateway.get("/v1/a/7").await.status), (200, 200));
    Ok(())
}
