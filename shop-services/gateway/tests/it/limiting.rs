//! Limits: of one client, and of all of them however many gateways there are.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::running::{Files, Gateway, until};
use crate::service::Service;

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again_and_others_are_not() -> anyhow::Result<()> {
    let service = Service::start().await;
    let routes = r#"
        [[route]]
        path = "/v1/things"
        service = "things"
        audience = "public"
        priority = "high"
        per_client = { per_second = 0.01, burst = 3 }
    "#;
    let files = Files::new(routes, &[("things", &[service.address])]);
    let gateway = files.gateway(&["--trusted-hops=1"]).await;
    let ask = async |client: &str| {
        gateway.client.send("GET", "/v1/things", &[("x-forwarded-for", client)], None).await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(ask("198.51.100.1").await.status, 200);
    }
    let refused = ask("198.51.100.1").await;
    assert_eq!((refused.status, refused.problem().unwrap().0.as_str()), (429, "rate-limit"));
    let wait: u64 = refused.header("retry-after").parse()?;
    assert!((60..=100).contains(&wait), "one in a hundred seconds: {wait}");
    assert_eq!(ask("6.6.6.6, 198.51.100.1").await.status, 429, "what the client itself claims is not believed");
    assert_eq!(ask("198.51.100.2").await.status, 200);
    let rejected = r#"shop_requests_rejected_total{reason="rate_limit",priority="high"}"#;
    assert_eq!(gateway.metric(rejected).await, Some(2.0));
    let offered = r#"shop_requests_offered_total{route="/v1/things",priority="high"}"#;
    assert_eq!(gateway.metric(offered).await, Some(6.0), "what is refused is demand as well");
    Ok(())
}

/// Requests per second that all gateways together admit.
const LIMIT: u32 = 80;
/// Length of each measurement.
const PHASE: Duration = Duration::from_secs(10);

/// Offers all gateways together three times the limit for a while; how many were admitted.
async fn admitted(gateways: &[Gateway]) -> usize {
    let admitted = Arc::new(AtomicUsize::new(0));
    let mut tick = interval(Duration::from_secs(1) / (3 * LIMIT));
    let (since, mut sent, mut requests) = (Instant::now(), 0, Vec::new());
    while since.elapsed() < PHASE {
        tick.tick().await;
        let client = gateways[sent % gateways.len()].client.clone();
        let admitted = Arc::clone(&admitted);
        requests.push(tokio::spawn(async move {
            let answer = client.send("GET", "/v1/things", &[], None).await.unwrap();
            assert!([200, 429].contains(&answer.status), "{}", answer.text());
            admitted.fetch_add(usize::from(answer.status == 200), Ordering::SeqCst);
        }));
        sent += 1;
    }
    for request in requests {
        request.await.unwrap();
    }
    assert!(sent as f64 > 2.0 * f64::from(LIMIT) * PHASE.as_secs_f64(), "the machine offered only {sent}");
    admitted.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_for_all_stays_right_while_gateways_come_and_go() -> anyhow::Result<()> {
    let service = Service::start().await;
    let routes = format!(
        r#"
        [[route]]
        path = "/v1/things"
        service = "things"
        audience = "public"
        in_all = {{ per_second = {LIMIT}, burst = 1 }}
    "#
    );
    let files = Files::new(&routes, &[("things", &[service.address])]);
    let mut gateways = Vec::new();
    for count in [2, 10, 2] {
        while gateways.len() < count {
            gateways.push(files.gateway(&[]).await);
        }
        for leaving in gateways.split_off(count) {
            leaving.ended().await?;
        }
        // As the cluster would tell it; the addresses only count.
        let own: Vec<SocketAddr> = gateways.iter().map(|gateway| gateway.public).collect();
        files.register(&[("things", &[service.address]), ("gateway", &own)]);
        sleep(Duration::from_secs(1)).await;
        let admitted = admitted(&gateways).await as f64;
        let expected = f64::from(LIMIT) * PHASE.as_secs_f64();
        assert!((admitted / expected - 1.0).abs() <= 0.05, "{count} gateways admitted {admitted} of {expected}");
    }
    Ok(())
}

#[tokio::test]
async fn the_table_is_read_again_when_it_changes_and_a_wrong_one_changes_nothing() -> anyhow::Result<()> {
    let service = Service::at(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, 100);
    let route = |path: &str| format!("[[route]]\npath = \"{path}\"\nservice = \"things\"\naudience = \"public\"\n");
    let files = Files::new(&route("/v1/one"), &[("things", &[service.address])]);
    let gateway = files.gateway(&[]).await;
    assert_eq!((gateway.get("/v1/one").await.status, gateway.get("/v1/two").await.status), (200, 404));
    files.write("routes.toml", "[[route]]\npath = \"/v1/three\"\n");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(gateway.get("/v1/one").await.status, 200, "a wrong table changes nothing");
    files.write("routes.toml", &route("/v1/two"));
    until("the new route is there", async || gateway.get("/v1/two").await.status == 200).await;
    assert_eq!(gateway.get("/v1/one").await.status, 404);
    Ok(())
}
