//! The proxy's faults in front of a real Prometheus, and through TLS in front of a real API server.

use std::time::Duration;

use test_kit::{ApiServer, ChaosProxy, Clock, Fault, Prometheus, PrometheusOptions};

/// Longer than any answer takes, shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(10);

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE).build()?)
}

#[tokio::test]
async fn each_fault_is_what_a_client_of_prometheus_meets() -> anyhow::Result<()> {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    let proxy = ChaosProxy::before(&prometheus.address()).await?;
    let url = format!("http://{}/api/v1/query?query=1&time=1700000000", proxy.address());
    let client = client()?;
    let whole = client.get(&url).send().await?.text().await?;
    assert!(whole.contains("\"status\":\"success\""), "{whole}");

    proxy.set(Fault::Status(503));
    let replaced = client.get(&url).send().await?;
    assert_eq!(replaced.status(), 503);
    assert!(replaced.text().await?.contains("success"), "the body is the real server's");

    proxy.set(Fault::Truncate(10));
    let truncated = client.get(&url).send().await?;
    assert_eq!(truncated.status(), 200);
    assert!(truncated.text().await.is_err(), "a body of ten bytes passed for whole");

    proxy.set(Fault::Cut);
    assert!(client.get(&url).send().await.is_err());

    proxy.set(Fault::HalfOpen);
    let hung = client.get(&url).send().await.expect_err("nothing passes");
    assert!(hung.is_timeout(), "{hung:?}");

    proxy.set(Fault::Delay(Duration::from_millis(200)));
    let started = Clock::of_machine().now();
    client.get(&url).send().await?.text().await?;
    let took = Clock::of_machine().now().duration_since(started);
    assert!(took.as_millis() >= 400, "there and back took {took:?}");

    proxy.set(Fault::None);
    assert_eq!(client.get(&url).send().await?.text().await?, whole);
    Ok(())
}

#[tokio::test]
async fn a_cut_goes_through_tls_and_an_open_connection_recovers() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let proxy = ChaosProxy::before(server.url().trim_start_matches("https://")).await?;
    let mut config = server.config().await?;
    config.cluster_url = format!("https://{}", proxy.address()).parse()?;
    config.default_retry = false;
    let client = kube::Client::try_from(config)?;
    client.apiserver_version().await?;
    proxy.set(Fault::Cut);
    assert!(client.apiserver_version().await.is_err());
    proxy.set(Fault::None);
    client.apiserver_version().await?;
    Ok(())
}
