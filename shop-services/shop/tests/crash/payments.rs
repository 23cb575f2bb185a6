//! Payments, killed while the provider is asked and some of its answers are lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use serde_json::{Value, json};
use test_kit::{Client, free_address};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::place::{Place, until};

/// Orders that are paid.
const ORDERS: u32 = 40;
/// How often the service is killed meanwhile.
const KILLS: u32 = 3;

#[derive(Parser)]
struct PspFlags {
    #[command(flatten)]
    config: psp_sim::Config,
}

/// A provider that is slow, loses some answers and sends no notices.
async fn provider(address: SocketAddr, payments: SocketAddr) -> anyhow::Result<(Client, DropGuard)> {
    let flags = PspFlags::try_parse_from([
        "psp".to_owned(),
        format!("--listen={address}"),
        format!("--notice-url=http://{payments}/v1/webhooks/psp"),
        "--notice-secret=notice-secret".to_owned(),
    ])?;
    let stop = CancellationToken::new();
    tokio::spawn(psp_sim::run(flags.config, || Timestamp::UNIX_EPOCH, stop.clone()));
    let client = Client::new(format!("http://{address}"))?;
    until("the provider listens", async || client.send("GET", "/sim/books", &[], None).await.is_ok()).await;
    let program = json!({"latency_ms": 60, "lose_answers": 8}).to_string();
    let set = client.send("PUT", "/sim/program", &[], Some(&program)).await?;
    anyhow::ensure!(set.status == 204, "{}", set.text());
    Ok((client, stop.drop_guard()))
}

async fn pay(place: &Place, number: u32) {
    let order = format!("01900000-0000-7000-8000-{number:012}");
    let body = json!({"order_id": order, "amount": {"amount": 1_000, "currency": "EUR"}, "method": "tok_ok"});
    let payment = place.insist("/v1/payments", "orders-token", &format!("authorize-{number}"), &body).await;
    let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
    becomes(place, &path, "authorized").await;
    place.insist(&format!("{path}/capture"), "orders-token", &format!("capture-{number}"), &Value::Null).await;
    becomes(place, &path, "captured").await;
}

/// Waits for up to two minutes.
async fn becomes(place: &Place, path: &str, state: &str) {
    let (since, headers) = (Instant::now(), [("authorization", "Bearer orders-token")]);
    while !place.client.send("GET", path, &headers, None).await.is_ok_and(|answer| answer.json()["state"] == state) {
        assert!(since.elapsed() < Duration::from_mins(2), "{path} is not {state}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn payments_killed_while_the_provider_is_asked_charges_everybody_once() -> anyhow::Result<()> {
    let place = Arc::new(Place::make().await?);
    let psp = free_address()?;
    let (provider, _running) = provider(psp, place.address).await?;
    let url = format!("--psp-url=http://{psp}");
    let words = [&url, "--psp-timeout=1s", "--psp-retry-delay=100ms", "--psp-attempts=30"];
    let mut process = place.serve("payments", &words).await?;
    let mut orders = JoinSet::new();
    for number in 0..ORDERS {
        let place = Arc::clone(&place);
        orders.spawn(async move {
            // Spread over the kills.
            sleep(Duration::from_millis(u64::from(number) * 40)).await;
            pay(&place, number).await;
        });
    }
    for _ in 0..KILLS {
        sleep(Duration::from_millis(450)).await;
        process.kill()?; // SIGKILL
        process = place.serve("payments", &words).await?;
    }
    while let Some(paid) = orders.join_next().await {
        paid?;
    }
    let books = provider.send("GET", "/sim/books", &[], None).await?.json();
    assert_eq!(books["succeeded"], json!({"authorize": ORDERS, "capture": ORDERS, "void": 0, "refund": 0}));
    let taken = i64::from(ORDERS) * 1_000;
    assert_eq!(books["balance"], taken);
    assert_eq!(place.count("SELECT sum(captured)::bigint FROM payments").await, taken);
    assert_eq!(place.count("SELECT sum(amount)::bigint FROM ledger_entries").await, 0);
    assert_eq!(place.count("SELECT sum(amount)::bigint FROM ledger_entries WHERE account = 'provider'").await, taken);
    let told = "SELECT count(*) FROM outbox WHERE kind = 'payment.captured'";
    assert_eq!(place.count(told).await, i64::from(ORDERS));
    drop(process);
    Ok(())
}
