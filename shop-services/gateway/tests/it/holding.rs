//! A service at zero: its first requests count as demand, wait for it, and are answered; a crowd is not.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use crate::running::{Files, until};
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things/{id}"
    service = "things"
    audience = "public"
    priority = "critical"
"#;
const OFFERED: &str = r#"shop_requests_offered_total{route="/v1/things/{id}",priority="critical"}"#;

#[tokio::test]
async fn first_requests_are_demand_and_wait_until_the_service_is_up() -> anyhow::Result<()> {
    let files = Files::new(ROUTES, &[]);
    let gateway = files.gateway(&["--hold-timeout=60s", "--hold-limit=8"]).await;
    let service = Service::start().await;
    let first = join_all((0..8).map(|_| gateway.get("/v1/things/7")));
    let rest = async {
        until("they count as demand", async || gateway.metric(OFFERED).await == Some(8.0)).await;
        let one_more = gateway.get("/v1/things/7").await;
        assert_eq!((one_more.status, one_more.header("retry-after")), (503, "1"), "the hold is bounded");
        sleep(Duration::from_millis(300)).await;
        assert_eq!(service.seen(), 0);
        files.register(&[("things", &[service.address])]);
    };
    let (answers, ()) = tokio::join!(first, rest);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(service.seen(), 8);
    let shed = gateway.metric(r#"shop_requests_rejected_total{reason="shed",priority="critical"}"#).await;
    assert_eq!(shed, Some(1.0));
    Ok(())
}

#[tokio::test]
async fn a_service_that_does_not_come_up_is_not_waited_for_for_ever() -> anyhow::Result<()> {
    let files = Files::new(ROUTES, &[("things", &[])]);
    let gateway = files.gateway(&["--hold-timeout=300ms"]).await;
    let answer = gateway.get("/v1/things/7").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    let late = gateway.metric(r#"shop_requests_rejected_total{reason="deadline",priority="critical"}"#).await;
    assert_eq!((late, gateway.metric(OFFERED).await), (Some(1.0), Some(1.0)));
    Ok(())
}
