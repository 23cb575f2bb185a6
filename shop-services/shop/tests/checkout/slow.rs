//! Payments that are slow, and then hang: orders are taken as quickly as ever, whoever looks around notices nothing,
//! payments are left alone, and everybody has paid once when it is over.

use std::time::Duration;

use test_kit::{ChaosProxy, Fault};
use tokio::time::Instant;

use crate::floor::{Service, until};
use crate::stage::Stage;
use crate::storefront::Running;

/// Longest that a call of orders takes here.
const CALL: &str = "--call-timeout=1s";
/// Whether payments are asked: 0 they are, 2 they are not.
const STATE: &str = r#"shop_circuit_breaker_state{target="payments"}"#;
/// No answer that needs no payments takes longer, also on a busy machine.
const QUICK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn payments_that_hang_keep_nobody_from_ordering_or_looking_and_everybody_pays_once() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let catalog = Running::catalog(&stage).await?;
    let proxy = ChaosProxy::before(&stage.payments.address.to_string()).await?;
    let url = format!("--payments-url=http://{}", proxy.address());
    let orders = stage.orders(&[CALL, &url]).await?;
    let folder = tempfile::tempdir()?;
    let services = [("catalog", catalog.address), ("orders", orders.address), ("payments", stage.payments.address)];
    let registry = folder.path().join("endpoints.toml");
    let gateway = Running::gateway_with(&stage, &registry, &services, "--recommendations-timeout=1s").await?;
    let quote = stage.quote(1, None).await;
    let mut placed = Vec::new();
    for (number, fault) in [(1, Fault::Delay(Duration::from_secs(2))), (2, Fault::HalfOpen)] {
        proxy.set(fault);
        for order in 0..5_u128 {
            let token = stage.customer(number * 10 + order);
            let since = Instant::now();
            placed.push((orders.placed(&token, "k", &quote).await, token));
            assert!(since.elapsed() < QUICK, "taken after {:?}", since.elapsed());
        }
        // Each attempt ends by its deadline; none is taken for a refusal.
        let in_vain = "SELECT count(DISTINCT order_id) FROM saga_log WHERE outcome IN ('unknown', 'waiting')";
        until("payments were asked in vain for each", async || {
            orders.count(in_vain).await == i64::try_from(placed.len()).unwrap()
        })
        .await;
        for (path, token) in &placed {
            assert_eq!(orders.look(path, token).await["state"], "reserved");
        }
        for _ in 0..20 {
            let since = Instant::now();
            assert_eq!(gateway.get("/v1/products").await.status, 200);
            assert!(since.elapsed() < QUICK, "a page took {:?}", since.elapsed());
        }
    }
    left_alone(&orders).await;
    proxy.set(Fault::None);
    for (path, token) in &placed {
        orders.becomes(path, token, "confirmed").await;
    }
    assert_eq!(stage.provider_did("capture").await, 10);
    assert_eq!(value(&orders, STATE).await, 0, "closed again");
    stage.audit(&[&orders]).await;
    Ok(())
}

/// Every call that had no answer ended by its deadline, and the breaker keeps most of them back: while it rests up to
/// half a minute, five orders come again every few seconds.
async fn left_alone(orders: &Service) {
    let unanswered =
        r#"http_client_request_duration_seconds_bucket{le="LE",server="payments",http_response_status_code="0"}"#;
    let asked = async |le| value(orders, &unanswered.replace("LE", le)).await;
    until("payments are left alone", async || value(orders, STATE).await == 2).await;
    let withheld = r#"shop_calls_withheld_total{target="payments"}"#;
    let (asked_before, withheld_before) = (asked("+Inf").await, value(orders, withheld).await);
    assert_eq!(asked("5.0").await, asked_before, "the deadline of a second is kept");
    until("calls are kept back", async || value(orders, withheld).await >= withheld_before + 10).await;
    let (asked, withheld) = (asked("+Inf").await - asked_before, value(orders, withheld).await - withheld_before);
    assert!(asked <= withheld, "{asked} calls were made and {withheld} kept back");
}

/// The value of a series, as its line begins; 0 where there is none.
async fn value(service: &Service, series: &str) -> u64 {
    let text = service.metrics().await;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0)
}
