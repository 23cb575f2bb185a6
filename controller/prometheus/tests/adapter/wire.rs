//! What goes over the wire: the tenant's header, and the token as it is in its file at that moment.

use presale_prometheus::{Prometheus as Adapter, PrometheusConfig, QueryError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Takes one request, answers `status` and `body`, and returns the request's head.
async fn record(listener: &TcpListener, status: &str, body: &str) -> anyhow::Result<String> {
    let (mut stream, _) = listener.accept().await?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        anyhow::ensure!(read > 0, "the client went away");
        head.extend_from_slice(&buffer[..read]);
    }
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(String::from_utf8_lossy(&head).to_lowercase())
}

const NOTHING: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

#[tokio::test]
async fn a_rotated_token_and_the_tenant_are_in_the_next_query() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let adapter = Adapter::new(PrometheusConfig {
        bearer_token_file: Some(token.clone()),
        headers: vec![("X-Scope-OrgID".into(), "shop-a".into())],
        ..PrometheusConfig::new(format!("http://{}/prometheus", listener.local_addr()?))
    })?;
    for secret in ["first", "second"] {
        std::fs::write(&token, format!("{secret}\n"))?;
        let (checked, head) = tokio::join!(adapter.check(), record(&listener, "200 OK", NOTHING));
        checked?;
        let head = head?;
        assert!(head.starts_with("post /prometheus/api/v1/query "), "{head}");
        assert!(head.contains(&format!("authorization: bearer {secret}\r\n")), "{head}");
        assert!(head.contains("x-scope-orgid: shop-a\r\n"), "{head}");
    }
    std::fs::remove_file(&token)?;
    let refused = adapter.check().await.expect_err("there is no token");
    assert_eq!(refused.reason(), "file");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let adapter = Adapter::new(PrometheusConfig::new(format!("http://{}", listener.local_addr()?)))?;
    let away = "302 Found\r\nLocation: http://127.0.0.1:1/";
    let (checked, head) = tokio::join!(adapter.check(), record(&listener, away, ""));
    head?;
    assert!(matches!(checked, Err(QueryError::Status { status: 302, .. })), "{checked:?}");
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_says_so_at_once() {
    let bad = [
        PrometheusConfig::new("prometheus:port"),
        PrometheusConfig { headers: vec![("bad name".into(), "x".into())], ..PrometheusConfig::new("http://p:1") },
        PrometheusConfig { ca_file: Some("/nowhere/ca.pem".into()), ..PrometheusConfig::new("http://p:1") },
    ];
    for (config, reason) in bad.into_iter().zip(["client", "client", "file"]) {
        let refused = Adapter::new(config).expect_err("it was taken");
        assert_eq!(refused.reason(), reason, "{refused}");
    }
}
