//! Three times as much as a service can do: those who buy are served, those who look less, robots last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::running::Files;
use crate::service::Service;

const ROUTES: &str = r#"
    bots = ["bot"]
    [[route]]
    path = "/v1/orders"
    service = "shop"
    audience = "public"
    priority = "critical"
    [[route]]
    path = "/v1/products"
    service = "shop"
    audience = "public"
"#;
/// Work that the service does at the same time, and how long each takes: 40 requests per second.
const WORKERS: usize = 4;
const WORK: Duration = Duration::from_millis(100);
/// What is offered per second, and for how long.
const OFFERED: u32 = 120;
const FOR: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn buyers_are_served_under_three_times_the_load_and_robots_are_turned_away_first() -> anyhow::Result<()> {
    let service = Service::with_workers(WORKERS).await;
    service.works_for(WORK);
    let files = Files::new(ROUTES, &[("shop", &[service.address])]);
    let gateway = files.gateway(&["--queue-timeout=4s", "--queue-limit=64", "--request-timeout=60s"]).await;
    // One in six buys, half look, a third are robots.
    let classes = ["buys", "looks", "robot", "looks", "robot", "looks"];
    let told: Arc<Mutex<BTreeMap<(&str, u16), usize>>> = Arc::default();
    let mut tick = interval(Duration::from_secs(1) / OFFERED);
    let (since, mut sent, mut requests) = (Instant::now(), 0_usize, Vec::new());
    while since.elapsed() < FOR {
        tick.tick().await;
        let (class, client, told) = (classes[sent % classes.len()], gateway.client.clone(), Arc::clone(&told));
        requests.push(tokio::spawn(async move {
            let path = if class == "buys" { "/v1/orders" } else { "/v1/products" };
            let agent = if class == "robot" { "GreedyBot/1.0" } else { "Mozilla/5.0" };
            let answer = client.send("GET", path, &[("user-agent", agent)], None).await.unwrap();
            *told.lock().unwrap().entry((class, answer.status)).or_default() += 1;
        }));
        sent += 1;
    }
    for request in requests {
        request.await?;
    }
    let told = told.lock().unwrap().clone();
    let share = |class: &'static str| {
        let all: usize = told.iter().filter(|((of, _), _)| *of == class).map(|(_, count)| count).sum();
        told.get(&(class, 200)).copied().unwrap_or(0) as f64 / all as f64
    };
    let (buyers, lookers, robots) = (share("buys"), share("looks"), share("robot"));
    assert!(buyers >= 0.99, "{told:?}");
    assert!(buyers > lookers && lookers > robots, "{told:?}");
    assert!(robots < 0.5, "there was no overload: {told:?}");
    assert!(told.keys().all(|(_, status)| [200, 503].contains(status)), "{told:?}");
    let limit = gateway.metric("shop_concurrency_limit").await.unwrap();
    assert!(limit < 64.0, "fewer are let in than at the beginning: {limit}");
    let text = gateway.metrics().await;
    assert!(text.contains(r#"shop_requests_offered_total{route="/v1/products",priority="low"}"#), "{text}");
    Ok(())
}
