//! Endpoints that come, go, fail and recover: who gets requests, what is tried again, and when nobody is asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use test_kit::free_address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::running::{Files, Gateway, until};
use crate::service::Service;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things"
    service = "things"
    audience = "public"
"#;

/// How many of `count` requests at once each endpoint answered with success.
async fn answers(gateway: &Gateway, count: usize) -> BTreeMap<String, usize> {
    let mut by = BTreeMap::new();
    for answer in join_all((0..count).map(|_| gateway.get("/v1/things"))).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
        *by.entry(answer.json()["by"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    by
}

#[tokio::test]
async fn a_new_endpoint_takes_traffic_and_one_that_leaves_finishes_what_it_has() -> anyhow::Result<()> {
    let [one, two] = [Service::start().await, Service::start().await];
    let files = Files::new(ROUTES, &[("things", &[one.address])]);
    let gateway = files.gateway(&[]).await;
    assert_eq!(answers(&gateway, 10).await.into_keys().collect::<Vec<_>>(), [one.address.to_string()]);
    files.register(&[("things", &[one.address, two.address])]);
    until("the new one takes traffic", async || answers(&gateway, 20).await.contains_key(&two.address.to_string()))
        .await;
    one.works_for(Duration::from_secs(2));
    let (seen, answered) = (one.seen(), one.told.answered.load(Ordering::SeqCst));
    let running = async {
        let answers = join_all((0..20).map(|_| gateway.get("/v1/things"))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "a leaving endpoint's requests end well");
    };
    let leaving = async {
        until("it has requests", async || one.seen() > seen).await;
        files.register(&[("things", &[two.address])]);
        until("it gets no new one", async || {
            let before = one.seen();
            let only_two = answers(&gateway, 10).await;
            one.seen() == before && only_two.contains_key(&two.address.to_string())
        })
        .await;
    };
    tokio::join!(running, leaving);
    assert_eq!(one.told.answered.load(Ordering::SeqCst) - answered, one.seen() - seen);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_is_gone_costs_nobody_an_answer() -> anyhow::Result<()> {
    let service = Service::start().await;
    let files = Files::new(ROUTES, &[("things", &[service.address, free_address()?])]);
    let gateway = files.gateway(&[]).await;
    for _ in 0..100 {
        let body = gateway.client.send("POST", "/v1/things", &[], Some("{}")).await?;
        assert_eq!(body.status, 200, "nothing of it was sent, so it can be sent elsewhere: {}", body.text());
    }
    assert_eq!(service.seen(), 100);
    let retried = gateway.metric(r#"shop_retry_attempts_total{target="things"}"#).await.unwrap();
    assert!((1.0..=20.0).contains(&retried), "after a few failures it rests: {retried} were sent again");
    Ok(())
}

#[tokio::test]
async fn reads_are_tried_again_elsewhere_within_the_budget_and_writes_never() -> anyhow::Result<()> {
    let [bad, good] = [Service::start().await, Service::start().await];
    bad.answers_with(503);
    let files = Files::new(ROUTES, &[("things", &[bad.address, good.address])]);
    let gateway = files.gateway(&[]).await;
    let mut failed = 0;
    for _ in 0..300 {
        failed += u32::from(gateway.get("/v1/things").await.status == 503);
    }
    let retried = gateway.metric(r#"shop_retry_attempts_total{target="things"}"#).await.unwrap();
    assert!((10.0..=41.0).contains(&retried), "{retried} of 300 were sent again; one in ten may be, and 10 saved up");
    let exhausted = gateway.metric("shop_retry_budget_exhausted_total").await;
    assert_eq!(exhausted, Some(f64::from(failed)), "the rest of the failures went back as they were");
    assert!(bad.seen() + good.seen() <= 341);
    for _ in 0..40 {
        gateway.client.send("POST", "/v1/things", &[], Some("{}")).await?;
    }
    assert_eq!(gateway.metric(r#"shop_retry_attempts_total{target="things"}"#).await, Some(retried));
    Ok(())
}

#[tokio::test]
async fn a_service_whose_endpoints_all_fail_is_left_alone_and_tried_until_it_is_well() -> anyhow::Result<()> {
    let address: SocketAddr = free_address()?;
    let files = Files::new(ROUTES, &[("things", &[address])]);
    let gateway = files.gateway(&[]).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(gateway.get("/v1/things").await.problem().unwrap().0);
    }
    assert_eq!(statuses, ["bad-gateway", "bad-gateway", "bad-gateway", "bad-gateway", "bad-gateway", "unavailable"]);
    assert_eq!(gateway.metric(r#"shop_circuit_breaker_state{target="things"}"#).await, Some(2.0));
    let rejected = r#"shop_requests_rejected_total{reason="breaker",priority="normal"}"#;
    assert_eq!(gateway.metric(rejected).await, Some(1.0));
    let revived = Service::at(TcpListener::bind(address).await?, 100);
    until("it is tried and found well", async || gateway.get("/v1/things").await.status == 200).await;
    gateway.get("/v1/things").await;
    assert_eq!(gateway.metric(r#"shop_circuit_breaker_state{target="things"}"#).await, Some(0.0));
    assert!(revived.seen() >= 2);
    Ok(())
}

#[tokio::test]
async fn clients_in_a_hurry_or_slow_ones_harm_nobody_else() -> anyhow::Result<()> {
    let service = Service::start().await;
    service.works_for(Duration::from_millis(100));
    let routes = format!("{ROUTES}deadline = \"5s\"");
    let files = Files::new(&routes, &[("things", &[service.address])]);
    let gateway = files.gateway(&[]).await;
    for _ in 0..10 {
        let hurried = gateway.client.send("GET", "/v1/things", &[("deadline-ms", "5")], None).await?;
        assert_eq!(hurried.status, 504);
    }
    // Six that promise a body and send none of it, until their time is up.
    let slow = async || {
        let mut stream = TcpStream::connect(gateway.public).await?;
        let head = "POST /v1/things HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    for answer in join_all((0..6).map(|_| slow())).await {
        assert!(answer?.starts_with("HTTP/1.1 408"), "it is the client that was slow");
    }
    assert_eq!(gateway.get("/v1/things").await.status, 200);
    assert_eq!(gateway.metric(r#"shop_circuit_breaker_state{target="things"}"#).await, Some(0.0));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_answers_badly_rests_and_a_poor_one_gets_less() -> anyhow::Result<()> {
    let [bad, slow, good] = [Service::start().await, Service::start().await, Service::start().await];
    bad.answers_with(500);
    slow.works_for(Duration::from_millis(400));
    let all = [bad.address, slow.address, good.address];
    let files = Files::new(ROUTES, &[("things", &all)]);
    let gateway = files.gateway(&[]).await;
    let mut writes = Vec::new();
    for _ in 0..200 {
        let client = gateway.client.clone();
        writes.push(tokio::spawn(async move { client.send("POST", "/v1/things", &[], Some("{}")).await }));
        sleep(Duration::from_millis(10)).await;
    }
    join_all(writes).await;
    assert!(bad.seen() < 50, "the failing one saw {} of 200", bad.seen());
    assert!(good.seen() > slow.seen(), "{} and {}", good.seen(), slow.seen());
    Ok(())
}
