//! Limits of one client, and the table that states them.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::sleep;

use crate::running::{Files, until};
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
