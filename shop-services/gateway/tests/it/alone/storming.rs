//! A retry storm: three of ten requests fail for some seconds and every client repeats its own; then all is well, and
//! stays so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::running::Files;
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things"
    service = "things"
    audience = "public"
"#;
/// Clients per second, how long the service fails, and how long they go on after that.
const OFFERED: u32 = 80;
const STORM: Duration = Duration::from_secs(8);
const AFTER: Duration = Duration::from_secs(6);
/// In the calm, so long after the storm, nobody is turned away any more.
const RECOVERED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_storm_adds_little_and_is_over_when_its_cause_is() -> anyhow::Result<()> {
    let [one, other] = [Service::with_workers(8).await, Service::with_workers(8).await];
    for service in [&one, &other] {
        service.works_for(Duration::from_millis(20));
        service.fails_of_ten(3);
    }
    let files = Files::new(ROUTES, &[("things", &[one.address, other.address])]);
    let gateway = files.gateway(&[]).await;
    let (sent, failed_late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (mut tick, since, mut clients) = (interval(Duration::from_secs(1) / OFFERED), Instant::now(), Vec::new());
    let (mut calm, mut at_storms_end) = (false, (0, 0.0, 0));
    while since.elapsed() < STORM + AFTER {
        tick.tick().await;
        if !calm && since.elapsed() >= STORM {
            calm = true;
            let retried = gateway.metric(r#"shop_retry_attempts_total{target="things"}"#).await.unwrap_or(0.0);
            at_storms_end = (sent.load(Ordering::SeqCst), retried, one.seen() + other.seen());
            one.fails_of_ten(0);
            other.fails_of_ten(0);
        }
        let (client, sent, failed_late) = (gateway.client.clone(), Arc::clone(&sent), Arc::clone(&failed_late));
        let late = since.elapsed() > STORM + RECOVERED;
        clients.push(tokio::spawn(async move {
            // As a browser does: twice again, a little later each time.
            for pause in [100, 200, 0] {
                sent.fetch_add(1, Ordering::SeqCst);
                if client.send("GET", "/v1/things", &[], None).await.is_ok_and(|answer| answer.status == 200) {
                    return;
                }
                failed_late.fetch_add(usize::from(late), Ordering::SeqCst);
                sleep(Duration::from_millis(pause)).await;
            }
        }));
    }
    for client in clients {
        client.await?;
    }
    let (sent, retried, seen) = at_storms_end;
    assert!(retried >= 10.0 && retried <= 0.2 * sent as f64, "{retried} retries for {sent} requests");
    assert!(seen as f64 <= 1.2 * sent as f64, "{seen} reached the service of {sent}");
    assert_eq!(failed_late.load(Ordering::SeqCst), 0, "nobody is turned away once the cause is gone");
    Ok(())
}
