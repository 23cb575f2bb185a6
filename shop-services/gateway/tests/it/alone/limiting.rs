//! The limit of all clients together, however many gateways there are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::running::{Files, Gateway};
use crate::service::Service;

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
