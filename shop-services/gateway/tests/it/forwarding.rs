//! Requests on their way through: headers, bodies both ways, caps, what could be read in two ways, traces, deadlines.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures::StreamExt;
use futures::channel::mpsc;
use serde_json::json;
use test_kit::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::running::{Files, Gateway, until};
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things/{id}"
    methods = ["GET", "POST"]
    service = "things"
    audience = "guest"
    deadline = "30s"
    body_limit = 1000
    [[route]]
    path = "/v1/open"
    service = "things"
    audience = "public"
    [[route]]
    path = "/v1/secret/{*rest}"
    service = "things"
    audience = "internal"
"#;

async fn set() -> (Service, Files, Gateway) {
    let service = Service::start().await;
    let files = Files::new(ROUTES, &[("things", &[service.address])]);
    let gateway = files.gateway(&[]).await;
    (service, files, gateway)
}

/// What comes back for these bytes on a connection of their own.
async fn raw(gateway: &Gateway, sent: &str) -> String {
    let mut stream = TcpStream::connect(gateway.public).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        // Some of these the gateway ends itself; an error in the middle is an end as well.
        while stream.read_buf(&mut answer).await.is_ok_and(|length| length > 0) {}
    };
    timeout(Duration::from_mins(1), read).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_service_sees_the_request_and_not_the_connection() -> anyhow::Result<()> {
    let (_service, _files, gateway) = set().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("traceparent", trace),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-user", "root"),
        ("connection", "x-mine"),
        ("x-mine", "1"),
        ("accept-language", "de"),
        ("deadline-ms", "20000"),
    ];
    let answer = gateway.client.send("POST", "/v1/things/7?q=a%20b", &headers, Some("{\"a\":1}")).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json();
    assert_eq!(
        (&seen["method"], &seen["target"], &seen["body"]),
        (&json!("POST"), &json!("/v1/things/7?q=a%20b"), &json!("{\"a\":1}"))
    );
    let headers = &seen["headers"];
    for (name, value) in [
        ("x-forwarded-for", json!("127.0.0.1")),
        ("x-forwarded-proto", json!("http")),
        ("x-forwarded-host", json!("127.0.0.1")),
        ("x-forwarded-user", json!(null)),
        ("x-mine", json!(null)),
        ("connection", json!(null)),
        ("accept-language", json!("de")),
        ("content-length", json!("7")),
    ] {
        assert_eq!(headers[name], value, "{name}: {headers}");
    }
    let left: u64 = headers["deadline-ms"].as_str().unwrap().parse()?;
    assert!((1..=20_000).contains(&left), "{left} ms of 20 s are left");
    assert_eq!((answer.header("x-outer"), answer.header("x-inner")), ("1", ""));
    let open = gateway.client.send("GET", "/v1/open", &[("authorization", "Bearer x")], None).await?;
    assert_eq!(open.json()["headers"]["authorization"], json!(null), "nobody asks who looks at what is public");
    assert_eq!(gateway.client.send("HEAD", "/v1/things/7", &[], None).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn only_what_the_table_opens_is_there() -> anyhow::Result<()> {
    let (service, _files, gateway) = set().await;
    for path in ["/", "/v1", "/v1/things", "/v1/secret/key", "/metrics", "/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(gateway.get(path).await.problem().unwrap().0, "no-route", "{path}");
    }
    let refused = gateway.client.send("DELETE", "/v1/things/7", &[], None).await?;
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, POST"));
    assert_eq!(service.seen(), 0);
    assert_eq!(gateway.metric(r#"shop_requests_offered_total{route="unmatched",priority="normal"}"#).await, Some(9.0));
    Ok(())
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused_and_one_request_stays_one() -> anyhow::Result<()> {
    let (service, _files, gateway) = set().await;
    let host = "host: shop.example\r\n";
    let close = "connection: close\r\n";
    for (head, status) in [
        (format!("GET /v1/open HTTP/1.1\r\n{close}\r\n"), "400"),
        (format!("GET /v1/open HTTP/1.1\r\n{host}host: other\r\n{close}\r\n"), "400"),
        (format!("GET /v1/../v1/open HTTP/1.1\r\n{host}{close}\r\n"), "400"),
        (format!("GET /v1/%6fpen HTTP/1.1\r\n{host}{close}\r\n"), "400"),
        (format!("GET /v1//open HTTP/1.1\r\n{host}{close}\r\n"), "400"),
        (format!("GET http://other/v1/open HTTP/1.1\r\n{host}{close}\r\n"), "400"),
        (
            format!("POST /v1/things/1 HTTP/1.1\r\n{host}{close}content-length: 3\r\ncontent-length: 4\r\n\r\nabc"),
            "400",
        ),
        (format!("POST /v1/things/1 HTTP/1.1\r\n{host}{close}transfer-encoding: gzip\r\n\r\n"), "400"),
        (format!("TRACE /v1/open HTTP/1.1\r\n{host}{close}\r\n"), "405"),
        (format!("GET /v1/open HTTP/1.1\r\n{host}{close}x: {}\r\n\r\n", "y".repeat(40_000)), "431"),
    ] {
        let answer = raw(&gateway, &head).await;
        let start = head.get(..60).unwrap_or(&head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{start:?}: {answer}");
    }
    assert_eq!(service.seen(), 0);
    // A length and an encoding: the encoding counts for both, and what it leaves over is no second request of anybody's.
    let smuggled = "POST /v1/secret/key HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for (number, (one, other)) in
        [("transfer-encoding: chunked", "content-length: 5"), ("content-length: 5", "transfer-encoding: chunked")]
            .into_iter()
            .enumerate()
    {
        let head = format!("POST /v1/things/1 HTTP/1.1\r\n{host}{one}\r\n{other}\r\n{close}\r\n");
        let answer = raw(&gateway, &format!("{head}0\r\n\r\n{smuggled}")).await;
        assert_eq!((answer.matches("HTTP/1.1 ").count(), service.seen()), (1, number + 1), "{answer}");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"body\":\"\""), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_whether_its_length_is_told_or_not() -> anyhow::Result<()> {
    let (service, _files, gateway) = set().await;
    let long = "x".repeat(1_001);
    let told = gateway.client.send("POST", "/v1/things/7", &[], Some(&long)).await?;
    assert_eq!(told.problem().unwrap().0, "too-large");
    let chunked = format!(
        "POST /v1/things/7 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3e9\r\n{long}\r\n0\r\n\r\n"
    );
    let untold = raw(&gateway, &chunked).await;
    assert!(untold.starts_with("HTTP/1.1 413"), "{untold}");
    let fits = gateway.client.send("POST", "/v1/things/7", &[], Some(&long[1..])).await?;
    assert_eq!(fits.json()["body"].as_str().unwrap().len(), 1_000);
    until("the service is well", async || gateway.get("/v1/open").await.status == 200).await;
    assert!(service.seen() >= 2);
    Ok(())
}

/// A service that sends back each part of a body as it comes, and counts nothing.
async fn echo() -> std::net::SocketAddr {
    let routes =
        Router::new().route("/v1/open", post(async |body: Body| Body::from_stream(body.into_data_stream()))).route(
            "/v1/things/{id}",
            get(async || {
                Body::from_stream(
                    futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from("part")) })
                        .chain(futures::stream::pending()),
                )
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test]
async fn bodies_stream_both_ways() -> anyhow::Result<()> {
    let files = Files::new(ROUTES, &[("things", &[echo().await])]);
    let gateway = files.gateway(&[]).await;
    let (mut parts, body) = mpsc::unbounded();
    let request = reqwest::Client::builder().no_proxy().build()?.post(format!("http://{}/v1/open", gateway.public));
    let sending = request.body(reqwest::Body::wrap_stream(body)).send();
    parts.unbounded_send(Ok::<_, std::io::Error>(Bytes::from("one")))?;
    let mut answer = timeout(Duration::from_mins(1), sending).await??;
    assert_eq!(answer.chunk().await?.as_deref(), Some(&b"one"[..]), "answered before the request has ended");
    for part in ["two", "three"] {
        parts.unbounded_send(Ok(Bytes::from(part)))?;
        assert_eq!(timeout(Duration::from_mins(1), answer.chunk()).await??.as_deref(), Some(part.as_bytes()));
    }
    parts.disconnect();
    assert_eq!(answer.chunk().await?, None);
    Ok(())
}

#[tokio::test]
async fn nobody_waits_longer_than_the_deadline_for_the_answer_or_the_rest_of_it() -> anyhow::Result<()> {
    let service = Service::start().await;
    service.told.silent.store(true, std::sync::atomic::Ordering::SeqCst);
    let short = ROUTES.replace("30s", "300ms");
    let files = Files::new(&short, &[("things", &[service.address])]);
    let gateway = files.gateway(&[]).await;
    let late = gateway.get("/v1/things/7").await;
    assert_eq!((late.status, late.problem().unwrap().0.as_str()), (504, "deadline"));
    let told = gateway.client.send("GET", "/v1/open", &[("deadline-ms", "200")], None).await?;
    assert_eq!(told.status, 504, "the client waits less than the route allows");
    let rejected = r#"shop_requests_rejected_total{reason="deadline",priority="normal"}"#;
    assert_eq!(gateway.metric(rejected).await, Some(2.0));
    files.register(&[("things", &[echo().await])]);
    let client = Client::new(format!("http://{}", gateway.public))?;
    until("the other endpoint answers", async || {
        // The head and the first part come; that the rest does not is seen as a broken body, not as an end.
        client.send("GET", "/v1/things/7", &[], None).await.is_err()
    })
    .await;
    Ok(())
}
