//! What the shop's chart gives the gateway: the routes of its table, and the rights that it uses, both ways.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize as _;
use serde_json::{Value, json};
use shop_gateway::directory::Directory;
use shop_gateway::exposed::read;
use shop_gateway::pool::Sizes;
use shop_gateway::table::{Defaults, Placed, draw};
use shop_kit::admission::Limits;
use shop_kit::process::ThisProcess;
use shop_metrics::{Build, Proxying, ShopMetrics};
use test_kit::{ApiServer, AuditOracle, tool};

use crate::following::{service, slice};
use crate::running::Files;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart's documents, as Helm renders them for a namespace.
fn rendered(namespace: &str) -> anyhow::Result<Vec<Value>> {
    let home = tempfile::tempdir()?;
    let mut helm = Command::new(tool("helm")?);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(variable, home.path());
    }
    let output =
        helm.args(["template", "shop", "--namespace", namespace]).arg(root().join("deploy/charts/shop")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let documents =
        serde_norway::Deserializer::from_str(&text).map(Value::deserialize).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn of_kind<'a>(documents: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    documents.iter().filter(move |document| document["kind"] == kind)
}

/// Everything that a route says, in words.
fn words(routes: &[Placed]) -> BTreeSet<String> {
    let one = |Placed { host, route }: &Placed| {
        let (limits, shape) = ((route.per_client, route.in_all), (route.deadline, route.body_limit));
        let target = match &route.target {
            shop_gateway::table::Target::Service(pool) => pool.name.clone(),
            shop_gateway::table::Target::ProductPage => "page".to_owned(),
        };
        format!("{host:?} {} {target} {:?} {} {shape:?} {limits:?}", route.name, route.audience, route.priority.label())
    };
    routes.iter().map(one).collect()
}

#[test]
fn the_chart_opens_what_the_table_opens() -> anyhow::Result<()> {
    let mut metrics = ShopMetrics::new(&Build { service_name: "gateway", version: "0" }, ThisProcess);
    let door = Limits { concurrency: 8, queue: 8, queue_timeout: Duration::from_secs(1) };
    let sizes = Sizes { door, hold: 4, hold_timeout: Duration::from_secs(10) };
    let directory = Directory::new(sizes, Proxying::register(&mut metrics));
    let defaults = Defaults { deadline: Duration::from_secs(30), body_limit: 1_000 };
    let table = draw(&std::fs::read(root().join("shop-services/gateway/routes.toml"))?, &directory, defaults)?;

    let documents = rendered("shop")?;
    let file = of_kind(&documents, "ConfigMap").find_map(|map| map["data"]["routes.toml"].as_str());
    let mut charted = draw(file.context("the routes' file")?.as_bytes(), &directory, defaults)?;
    for shop in of_kind(&documents, "ShopService").filter(|shop| shop["spec"]["expose"].is_object()) {
        let name = shop["metadata"]["name"].as_str().context("a name")?;
        charted.routes.extend(read(name, &shop["spec"]["expose"], &directory, defaults)?);
    }
    assert_eq!(words(&charted.routes), words(&table.routes));
    assert_eq!((charted.routes.len(), &charted.bots), (table.routes.len(), &table.bots));
    assert!(charted.table().1.is_empty(), "all of them have a place");
    Ok(())
}

type Right = (String, String, String);

fn granted(role: &Value) -> BTreeSet<Right> {
    let list = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                rights.extend(list(rule, "verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    rights
}

/// The administrator's kubeconfig, as somebody else.
fn kubeconfig_as(server: &ApiServer, user: &str, path: &Path) -> anyhow::Result<()> {
    let mut config: Value = serde_norway::from_str(&std::fs::read_to_string(server.kubeconfig())?)?;
    config["users"][0]["user"]["as"] = json!(user);
    std::fs::write(path, config.to_string())?;
    Ok(())
}

fn apply(server: &ApiServer, namespace: &str, document: &Value) -> anyhow::Result<()> {
    let mut kubectl = Command::new(tool("kubectl")?);
    kubectl.arg("--kubeconfig").arg(server.kubeconfig()).args(["-n", namespace, "apply", "-f", "-"]);
    let mut child = kubectl.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("its input")?.write_all(document.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn the_chart_grants_the_gateway_what_it_uses_and_nothing_else() -> anyhow::Result<()> {
    let cluster = crate::exposing::Cluster::new().await?;
    let server = ApiServer::shared().await?;
    let namespace = cluster.namespace.as_str();
    let documents = rendered(namespace)?;
    let role = of_kind(&documents, "Role").find(|role| role["metadata"]["name"] == "gateway").context("the role")?;
    for document in of_kind(&documents, "RoleBinding").chain([role]) {
        apply(server, namespace, document)?;
    }
    let account = format!("system:serviceaccount:{namespace}:gateway");
    let files = Files::new("", &[]);
    kubeconfig_as(server, &account, &files.path("kubeconfig"))?;
    let flags = [format!("--namespace={namespace}"), format!("--kubeconfig={}", files.path("kubeconfig").display())];
    let gateway = files.start(&[&flags[0], &flags[1], "--exposed", "--hold-timeout=60s"]).await;
    let things = service().await;
    let ready = json!({"ready": true, "serving": true, "terminating": false});
    cluster.shop("things", &json!({"routes": [{"path": "/v1/things", "audience": "Public"}]})).await?;
    cluster.slices.create(&kube::api::PostParams::default(), &slice("things-1", "things", &things, &ready)).await?;
    crate::running::until("it serves", async || gateway.get("/v1/things").await.status == 200).await;

    // A watch is in the log once it has begun.
    let mut asked = BTreeSet::new();
    for _ in 0..100 {
        let requests = AuditOracle::of(server.audit_log()).requests()?.by_user(&account);
        assert!(requests.iter().all(|entry| !entry.forbidden && entry.namespace == namespace), "{requests:#?}");
        asked = requests.iter().map(|e| (e.group.clone(), e.resource.clone(), e.verb.clone())).collect();
        if asked == granted(role) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(asked, granted(role), "what it asked for, and what the chart grants");
    Ok(())
}
