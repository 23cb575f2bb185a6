//! Each preset on exposition text as its source's documentation gives it.

use presale_models::Reading;
use presale_prometheus::Source;
use test_kit::ScrapeJob;

use crate::shop::{Growing, ask, pod, scraping, until, value};

/// OpenTelemetry semantic conventions, "Metric: http.server.request.duration": a histogram in seconds with the advised
/// boundaries, attributes `http.request.method`, `http.response.status_code`, `http.route`, `url.scheme`, `error.type`
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration>), named for
/// Prometheus by <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.
fn open_telemetry(served: u64, failed: u64) -> String {
    let labels = "http_request_method=\"GET\",http_route=\"/v1/products/{id}\",url_scheme=\"http\"";
    let ok = format!("{labels},http_response_status_code=\"200\"");
    let error = format!("{labels},http_response_status_code=\"500\",error_type=\"500\"");
    let name = "http_server_request_duration_seconds";
    format!(
        "# HELP {name} Duration of HTTP server requests.\n# TYPE {name} histogram\n\
         {name}_bucket{{{ok},le=\"0.05\"}} 0\n{name}_bucket{{{ok},le=\"0.075\"}} 0\n\
         {name}_bucket{{{ok},le=\"0.1\"}} {served}\n{name}_bucket{{{ok},le=\"+Inf\"}} {served}\n\
         {name}_sum{{{ok}}} {}\n{name}_count{{{ok}}} {served}\n\
         {name}_bucket{{{error},le=\"0.05\"}} 0\n{name}_bucket{{{error},le=\"0.075\"}} 0\n\
         {name}_bucket{{{error},le=\"0.1\"}} {failed}\n{name}_bucket{{{error},le=\"+Inf\"}} {failed}\n\
         {name}_sum{{{error}}} {}\n{name}_count{{{error}}} {failed}\n\
         # TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {}\n",
        served as f64 * 0.08,
        failed as f64 * 0.08,
        served as f64 / 100.0,
    )
}

/// The shop's own counter of what arrived, before anything was turned away.
fn offered(requests: u64) -> String {
    format!(
        "# TYPE shop_requests_offered_total counter\n\
         shop_requests_offered_total{{route=\"/v1/products/{{id}}\",priority=\"normal\"}} {requests}\n"
    )
}

#[tokio::test]
async fn open_telemetry_yields_rate_errors_and_latency_and_tells_a_failing_pod_from_its_peer() -> anyhow::Result<()> {
    // 40 requests a second each; a fifth of the second pod's fail.
    let good = Growing::start(|q| open_telemetry(q * 10, 0)).await?;
    let bad = Growing::start(|q| open_telemetry(q * 8, q * 2)).await?;
    let (_prometheus, adapter) =
        scraping(vec![pod(&good, "catalog", "catalog-a"), pod(&bad, "catalog", "catalog-b")]).await?;
    let query = ask("catalog", Source::OpenTelemetry, &["catalog-a", "catalog-b", "catalog-gone"]);
    let both = ask("catalog", Source::OpenTelemetry, &["catalog-a", "catalog-b"]);
    let seen = until(&adapter, &both, |seen| seen.load.complete().is_some_and(|load| load > 60.0)).await?;
    assert!((60.0..100.0).contains(&value(seen.load)), "{seen:?}");
    assert!((value(seen.error_ratio) - 0.1).abs() < 0.03, "{seen:?}");
    assert!((0.075..=0.1).contains(&value(seen.latency)), "{seen:?}");

    let pods = adapter.observe_pods(std::slice::from_ref(&query)).await;
    assert!(pods.failures.is_empty(), "{:?}", pods.failures);
    let pods = &pods.services[&query.key];
    assert_eq!(value(pods["catalog-a"].error_ratio).to_bits(), 0_f64.to_bits(), "{pods:?}");
    assert!((value(pods["catalog-b"].error_ratio) - 0.2).abs() < 1e-9, "{pods:?}");
    assert!((0.075..=0.1).contains(&value(pods["catalog-b"].latency)), "{pods:?}");
    assert!((0.2..0.6).contains(&value(pods["catalog-a"].cpu)), "{pods:?}");
    assert_eq!(pods["catalog-gone"].load, Reading::Empty);
    assert_eq!(pods["catalog-gone"].cpu, Reading::Empty);
    Ok(())
}

#[tokio::test]
async fn offered_requests_are_the_load_where_they_are_exported() -> anyhow::Result<()> {
    // 80 a second arrive, 40 are answered: the served rate would teach a false ceiling.
    let target = Growing::start(|q| offered(q * 20) + &open_telemetry(q * 10, 0)).await?;
    let (_prometheus, adapter) = scraping(vec![pod(&target, "catalog", "catalog-a")]).await?;
    let query = ask("catalog", Source::OpenTelemetry, &["catalog-a"]);
    let seen = until(&adapter, &query, |seen| value(seen.load) > 60.0).await?;
    assert!((60.0..100.0).contains(&value(seen.load)), "{seen:?}");
    assert_eq!(seen.error_ratio.state(), "Zero");
    Ok(())
}

/// `shop_gateway_requests_offered_total` of `shop-services/metrics`.
fn at_the_gateway(catalog: u64, cart: u64) -> String {
    let name = "shop_gateway_requests_offered_total";
    format!(
        "# TYPE {name} counter\n\
         {name}{{backend=\"catalog\",route=\"/v1/products\",priority=\"normal\"}} {catalog}\n\
         {name}{{backend=\"catalog\",route=\"/v1/products\",priority=\"low\"}} {catalog}\n\
         {name}{{backend=\"cart\",route=\"/v1/cart\",priority=\"high\"}} {cart}\n"
    )
}

#[tokio::test]
async fn the_gateway_tells_the_demand_of_each_service_also_of_one_without_a_pod() -> anyhow::Result<()> {
    // Each gateway sees 40 a second for the catalog, in two classes, and none for the cart, which runs no pod.
    let [one, two] =
        [Growing::start(|q| at_the_gateway(q * 5, 3)).await?, Growing::start(|q| at_the_gateway(q * 5, 3)).await?];
    let served = Growing::start(|q| open_telemetry(q * 8, q * 2)).await?;
    let (_prometheus, adapter) = scraping(vec![
        pod(&one, "gateway", "gateway-a"),
        pod(&two, "gateway", "gateway-b"),
        pod(&served, "catalog", "catalog-a"),
    ])
    .await?;
    // A pod of the catalog that nobody scrapes makes its own figures less, not the gateway's.
    let catalog = ask("catalog", Source::PresaleGateway, &["catalog-a", "catalog-b"]);
    let seen = until(&adapter, &catalog, |seen| seen.load.complete().is_some_and(|load| load > 60.0)).await?;
    assert!((60.0..100.0).contains(&value(seen.load)), "{seen:?}");
    assert!((0.075..=0.1).contains(&value(seen.latency)), "{seen:?}");
    let cart = ask("cart", Source::PresaleGateway, &[]);
    let seen = until(&adapter, &cart, |seen| matches!(seen.load, Reading::Zero { .. })).await?;
    assert_eq!(seen.demand.complete(), Some(0.0));
    let nobody = ask("orders", Source::PresaleGateway, &[]);
    let seen = adapter.observe(&[catalog.clone(), nobody.clone()]).await;
    assert_eq!(seen.services[&nobody.key].load, Reading::Empty);

    drop(two);
    let seen = until(&adapter, &catalog, |seen| matches!(seen.load, Reading::Partial { .. })).await?;
    assert!(matches!(seen.load, Reading::Partial { share, .. } if (share - 0.5).abs() < 1e-9), "{seen:?}");
    Ok(())
}

/// ingress-nginx, "Prometheus and Grafana", section "Exposed metrics", Request metrics
/// (<https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/#exposed-metrics>):
/// `nginx_ingress_controller_requests` counts client requests and `nginx_ingress_controller_request_duration_seconds`
/// is the histogram of request processing time, with labels `controller_class`, `controller_namespace`,
/// `controller_pod`, `host`, `ingress`, `method`, `namespace`, `path`, `service`, `status`.
fn ingress_nginx(requests: u64, failed: u64) -> String {
    let labels = "controller_class=\"k8s.io/ingress-nginx\",controller_namespace=\"ingress\",controller_pod=\"c-1\",\
                  host=\"shop.example\",ingress=\"shop\",method=\"GET\",namespace=\"shop\",path=\"/\",service=\"catalog\"";
    let name = "nginx_ingress_controller_request_duration_seconds";
    format!(
        "# TYPE nginx_ingress_controller_requests counter\n\
         nginx_ingress_controller_requests{{{labels},status=\"200\"}} {requests}\n\
         nginx_ingress_controller_requests{{{labels},status=\"503\"}} {failed}\n\
         # TYPE {name} histogram\n\
         {name}_bucket{{{labels},status=\"200\",le=\"0.1\"}} 0\n\
         {name}_bucket{{{labels},status=\"200\",le=\"0.25\"}} {requests}\n\
         {name}_bucket{{{labels},status=\"200\",le=\"+Inf\"}} {requests}\n\
         {name}_sum{{{labels},status=\"200\"}} {}\n{name}_count{{{labels},status=\"200\"}} {requests}\n",
        requests as f64 * 0.2
    )
}

#[tokio::test]
async fn ingress_nginx_yields_a_backends_load_whatever_the_scrape_does_to_its_labels() -> anyhow::Result<()> {
    let target = Growing::start(|q| ingress_nginx(q * 9, q)).await?;
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let plain = ScrapeJob { job: "ingress-nginx".into(), targets: vec![target.address.clone()], labels: vec![] };
    // With target labels of the same names Prometheus renames the backend's to exported_namespace, exported_service.
    let renamed = ScrapeJob {
        labels: vec![label("namespace", "ingress"), label("service", "controller-metrics")],
        ..plain.clone()
    };
    for job in [plain, renamed] {
        let (_prometheus, adapter) = scraping(vec![job]).await?;
        let query = ask("catalog", Source::IngressNginx, &["catalog-a", "catalog-b"]);
        let seen = until(&adapter, &query, |seen| seen.load.complete().is_some_and(|load| load > 30.0)).await?;
        assert!((30.0..50.0).contains(&value(seen.load)), "{seen:?}");
        assert!((value(seen.error_ratio) - 0.1).abs() < 1e-9, "{seen:?}");
        assert!((0.1..=0.25).contains(&value(seen.latency)), "{seen:?}");
    }
    Ok(())
}
