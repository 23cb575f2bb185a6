//! The shop from outside: through the gateway, by the table that it is shipped with, to the services themselves.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::routing::get;
use http::Method;
use presale_shop::{Launch, Wiring};
use serde_json::{Value, json};
use shop_gateway::directory::Directory;
use shop_gateway::pool::Sizes;
use shop_gateway::table::{Audience, Defaults, Found, Table, parse};
use shop_kit::admission::Limits;
use shop_kit::process::ThisProcess;
use shop_metrics::names::{ALL, PROXYING};
use shop_metrics::{Build, Metric, Proxying, ShopMetrics};
use test_kit::{Postgres, free_address};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::floor::{ADMIN, Floor, eur, refusal, shop, until};
use crate::stage::Stage;

/// The table that the shop is shipped with.
fn routes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/routes.toml")
}

/// `shop catalog serve` with some products, or `shop gateway serve`; killed when dropped.
pub(crate) struct Running {
    service: presale_shop::Service,
}

impl Deref for Running {
    type Target = presale_shop::Service;

    fn deref(&self) -> &presale_shop::Service {
        &self.service
    }
}

impl Running {
    async fn start(name: &str, database: Option<String>, flags: &[&str], wiring: &Wiring) -> anyhow::Result<Self> {
        let patient = ["--drain-delay=0s", "--request-timeout=30s", "--queue-timeout=30s"];
        let flags = patient.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        let launch = Launch { program: shop(), name, address: free_address()?, database, flags };
        Ok(Self { service: presale_shop::Service::start(launch, wiring).await? })
    }

    /// The catalog.
    pub(crate) async fn catalog(floor: &Floor) -> anyhow::Result<Self> {
        let url = Postgres::shared().await?.database().await?;
        let catalog = Self::start("catalog", Some(url.clone()), &["--outbox-period=50ms"], &floor.wiring).await?;
        let seed = ["catalog", "seed", "--count=3", &format!("--database-url={url}")];
        let seeded = Command::new(shop()).args(seed).stderr(Stdio::null()).status().await?;
        anyhow::ensure!(seeded.success(), "seed");
        Ok(catalog)
    }

    /// A gateway before services at these addresses.
    async fn gateway(floor: &Floor, registry: &Path, services: &[(&str, SocketAddr)]) -> anyhow::Result<Self> {
        Self::gateway_with(floor, registry, services, "--recommendations-timeout=20s").await
    }

    pub(crate) async fn gateway_with(
        floor: &Floor,
        registry: &Path,
        services: &[(&str, SocketAddr)],
        budget: &str,
    ) -> anyhow::Result<Self> {
        register(registry, services)?;
        let mut wiring = floor.wiring.clone();
        wiring.tables = Some([routes(), registry.to_owned()]);
        Self::start("gateway", None, &["--watch-period=50ms", budget, "--hold-timeout=1s"], &wiring).await
    }

    pub(crate) async fn get(&self, path: &str) -> test_kit::Answer {
        self.client.send("GET", path, &[], None).await.unwrap()
    }
}

fn register(registry: &Path, services: &[(&str, SocketAddr)]) -> anyhow::Result<()> {
    let lines: Vec<String> = services.iter().map(|(name, address)| format!("{name} = [\"{address}\"]\n")).collect();
    Ok(std::fs::write(registry, lines.concat())?)
}

/// The product that [`recommendations`] recommends.
const ANOTHER: &str = "01900000-0000-7000-8000-000000000008";

/// Recommendations that are always the same.
async fn recommendations() -> anyhow::Result<SocketAddr> {
    let answer = || async { axum::Json(json!({"source": "model", "items": [{"product_id": ANOTHER}]})) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = axum::Router::new().route("/v1/recommendations", get(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

#[tokio::test]
async fn a_product_page_is_what_four_services_say_and_names_what_is_missing() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let catalog = Running::catalog(&stage).await?;
    let listed = catalog.get("/v1/products").await.json();
    let product = listed["items"][0].clone();
    let id = product["id"].as_str().unwrap();
    let skus: Vec<&str> =
        product["variants"].as_array().unwrap().iter().map(|variant| variant["sku"].as_str().unwrap()).collect();
    stage.pricing.made("/v1/prices", "p", &json!({"sku": skus[0], "price": eur(4_200)})).await;
    let delivery = json!({"change": 7, "reason": "delivery"});
    stage.inventory.made(&format!("/v1/stock/{}/adjustments", skus[0]), "d", &delivery).await;

    let folder = tempfile::tempdir()?;
    let registry = folder.path().join("endpoints.toml");
    let all = [
        ("catalog", catalog.address),
        ("pricing", stage.pricing.address),
        ("inventory", stage.inventory.address),
        ("recommendations", recommendations().await?),
    ];
    let gateway = Running::gateway(&stage, &registry, &all).await?;
    let path = format!("/v1/storefront/products/{id}");
    let page = gateway.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.json();
    assert_eq!(page["product"]["id"], product["id"]);
    assert_eq!(page["prices"], json!([{"sku": skus[0], "list": eur(4_200), "now": eur(4_200)}]));
    // The inventory may have heard of the other variant by now, of which there is none yet.
    let stock = page["stock"].as_array().unwrap();
    let there: Vec<_> = stock.iter().filter(|unit| unit["available"] != 0).collect();
    assert_eq!(there, [&json!({"sku": skus[0], "available": 7})]);
    assert_eq!(page["recommendations"], json!([{"product_id": ANOTHER}]));
    assert_eq!(page["missing"], json!([]));
    assert_eq!(gateway.get(&format!("{path}?currency=JPY")).await.json()["prices"], json!([]), "none in yen");
    assert_eq!(refusal(&gateway.get(&format!("{path}?currency=ZZZ")).await, 400), "bad-request");
    let unknown = gateway.get("/v1/storefront/products/01900000-0000-7000-8000-000000000009").await;
    assert_eq!(refusal(&unknown, 404), "product-not-found", "the catalog's own words");

    // One after the other goes away; the page says what it could not have.
    for (left, missing) in [
        (&all[..3], json!(["recommendations"])),
        (&all[..2], json!(["stock", "recommendations"])),
        (&all[..1], json!(["prices", "stock", "recommendations"])),
    ] {
        register(&registry, left)?;
        until("the page names what is missing", async || {
            let page = gateway.get(&path).await;
            assert_eq!((page.status, page.json()["product"]["id"].as_str()), (200, Some(id)), "{}", page.text());
            page.json()["missing"] == missing
        })
        .await;
    }
    register(&registry, &[])?;
    until("there is no page without the product", async || gateway.get(&path).await.status == 503).await;
    let offered = r#"shop_requests_offered_total{route="/v1/storefront/products/{id}",priority="normal"}"#;
    assert!(metrics(&gateway).await.contains(offered));
    Ok(())
}

async fn metrics(gateway: &Running) -> String {
    gateway.metrics().await.unwrap()
}

#[tokio::test]
async fn a_customer_buys_through_the_gateway_and_nobody_reaches_what_is_internal() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (cart, orders) = tokio::try_join!(stage.cart(), stage.orders(&[]))?;
    let folder = tempfile::tempdir()?;
    let services = [
        ("pricing", stage.pricing.address),
        ("inventory", stage.inventory.address),
        ("payments", stage.payments.address),
        ("cart", cart.address),
        ("orders", orders.address),
    ];
    let gateway = Running::gateway(&stage, &folder.path().join("endpoints.toml"), &services).await?;
    let anna = stage.customer(1);
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: Value| {
        gateway.client.send(method, path, headers, Some(&body.to_string())).await.unwrap()
    };
    let token = ("authorization", anna.as_str());
    let put = send("PUT", "/v1/cart/items/LAMP", &[token, ("if-match", "\"0\"")], json!({"quantity": 2})).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let quoted = send("POST", "/v1/cart/quote", &[token], json!({"currency": "EUR", "country": "DE"})).await;
    let quote = quoted.json()["token"].as_str().unwrap().to_owned();
    let order = json!({"quote": quote, "payment_method": "tok_ok"});
    let placed = send("POST", "/v1/orders", &[token, ("idempotency-key", "k")], order.clone()).await;
    assert_eq!(placed.status, 202, "{}", placed.text());
    let path = placed.header("location").to_owned();
    until("the order is confirmed", async || {
        gateway.client.send("GET", &path, &[token], None).await.unwrap().json()["state"] == "confirmed"
    })
    .await;
    let again = send("POST", "/v1/orders", &[token, ("idempotency-key", "k")], order).await;
    assert_eq!(again.header("location"), path, "the same order");
    for (method, path) in [
        ("POST", "/v1/reservations"),
        ("POST", "/v1/quotes"),
        ("POST", "/v1/payments"),
        ("POST", "/v1/redemptions"),
        ("GET", "/v1/events/upcoming"),
        ("GET", "/openapi.json"),
    ] {
        for token in ["Bearer orders-token", "Bearer cart-token", ADMIN, &anna] {
            let answer = send(method, path, &[("authorization", token)], json!({})).await;
            assert_eq!(refusal(&answer, 404), "no-route", "{method} {path} with {token}");
        }
    }
    let text = metrics(&gateway).await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(PROXYING).map(Metric::registered_name).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    assert!(PROXYING.iter().all(|metric| exported.contains(metric.registered_name())), "{exported:?}");
    stage.audit(&[&orders]).await;
    Ok(())
}

fn table() -> anyhow::Result<Table> {
    let mut metrics = ShopMetrics::new(&Build { service_name: "gateway", version: "1" }, ThisProcess);
    let door = Limits { concurrency: 1, queue: 1, queue_timeout: Duration::ZERO };
    let sizes = Sizes { door, hold: 1, hold_timeout: Duration::ZERO };
    let directory = Directory::new(sizes, Proxying::register(&mut metrics));
    let defaults = Defaults { deadline: Duration::from_secs(5), body_limit: 65_536 };
    Ok(parse(&std::fs::read(routes())?, &directory, defaults)?)
}

/// Who may ask, as a service documents it.
fn documented(operation: &Value) -> Audience {
    let schemes = operation["security"].to_string();
    match ["service", "admin", "guest", "user"].map(|scheme| schemes.contains(&format!("\"{scheme}\""))) {
        [true, ..] => Audience::Internal,
        [_, true, ..] => Audience::Admin,
        [.., true, _] => Audience::Guest,
        [.., true] => Audience::Customer,
        _ => Audience::Public,
    }
}

#[test]
fn every_route_of_every_service_is_open_to_whom_it_documents_and_to_nobody_else() -> anyhow::Result<()> {
    let table = table()?;
    let services = [
        ("accounts", shop_accounts::routes::openapi()),
        ("catalog", shop_catalog::routes::openapi()),
        ("pricing", shop_pricing::routes::openapi()),
        ("inventory", shop_inventory::routes::openapi()),
        ("payments", shop_payments::routes::openapi()),
        ("orders", shop_orders::routes::openapi()),
        ("cart", shop_cart::routes::openapi()),
        ("notifications", shop_notifications::routes::openapi()),
        ("recommendations", shop_recommendations::routes::openapi()),
    ];
    let mut wrong = Vec::new();
    for (service, document) in services {
        let document: Value = serde_json::to_value(document)?;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
                // The keys that check quotes are between services.
                let within = path == "/.well-known/jwks.json";
                let expected = if within { Audience::Internal } else { documented(operation) };
                let found = match table.find("shop.example", &method, &path.replace(['{', '}'], "")) {
                    Found::Route(route) => route.audience,
                    Found::Methods(_) | Found::Nothing => Audience::Internal,
                };
                if found != expected {
                    wrong.push(format!("{service}: {method} {path} is for {expected:?}, the table says {found:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
