//! Payments that are slow, and then hang: orders are taken as quickly as ever, whoever looks around notices nothing,
//! and everybody has paid once when it is over.

use std::time::Duration;

use test_kit::{ChaosProxy, Fault};
use tokio::time::Instant;

use crate::floor::until;
use crate::stage::Stage;
use crate::storefront::Running;

/// Longest that a call of orders takes here.
const CALL: &str = "--call-timeout=1s";
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
    proxy.set(Fault::None);
    for (path, token) in &placed {
        orders.becomes(path, token, "confirmed").await;
    }
    assert_eq!(stage.provider_did("capture").await, 10);
    stage.audit(&[&orders]).await;
    Ok(())
}
