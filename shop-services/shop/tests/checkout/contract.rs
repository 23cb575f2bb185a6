//! What orders relies on, asked of the real pricing, inventory and payments: each step's answer, also when repeated.

use clap::Parser;
use shop_contracts::orders::OrderState;
use shop_contracts::pricing::{QUOTE_TYPE, Quote};
use shop_kit::process::ThisProcess;
use shop_kit::signature::verify;
use shop_metrics::{Breakers, Build, Calls, ShopMetrics};
use shop_orders::config::OthersConfig;
use shop_orders::order::Claimed;
use shop_orders::others::{Heard, Others};
use shop_orders::saga::{Outcome, Progress, Step};
use uuid::Uuid;

use crate::stage::Stage;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    others: OthersConfig,
}

fn others(stage: &Stage, token: &str) -> anyhow::Result<Others> {
    let mut words = vec!["orders".to_owned()];
    for (name, service) in [("pricing", &stage.pricing), ("inventory", &stage.inventory), ("payments", &stage.payments)]
    {
        words.extend([format!("--{name}-url=http://{}", service.address), format!("--{name}-token={token}")]);
    }
    let mut metrics = ShopMetrics::new(&Build { service_name: "orders", version: "1" }, ThisProcess);
    let (calls, breakers) = (Calls::register(&mut metrics), Breakers::register(&mut metrics));
    Ok(Others::new(Flags::try_parse_from(words)?.others, &calls, &breakers, None)?)
}

/// The `number`-th order, for so many lamps, as one worker has it.
async fn claimed(stage: &Stage, number: u128, quantity: u32) -> anyhow::Result<Claimed> {
    let token = stage.quote(quantity, None).await;
    let keys = stage.pricing.client.send("GET", "/.well-known/jwks.json", &[], None).await?.json()["keys"].clone();
    let quote: Quote = verify(&token, QUOTE_TYPE, &serde_json::from_value::<Vec<_>>(keys)?)?;
    Ok(Claimed {
        id: Uuid::from_u128(number),
        customer_id: Uuid::nil(),
        quote,
        quote_token: token,
        method: "tok_ok".to_owned(),
        progress: Progress {
            state: OrderState::Created,
            step: Step::Redeem,
            attempts: 1,
            free: false,
            shipped: false,
            cancel_requested: false,
        },
        fence: 1,
        reservation_id: None,
        payment_id: None,
        reason: None,
    })
}

/// Takes a step as a worker with this fencing token, and remembers what came of it.
async fn take(others: &Others, order: &mut Claimed, step: Step, fence: u32) -> Outcome {
    (order.progress.step, order.fence) = (step, fence);
    let Heard { outcome, reservation_id, payment_id } = others.take(order).await;
    order.reservation_id = reservation_id.or(order.reservation_id);
    order.payment_id = payment_id.or(order.payment_id);
    outcome
}

#[tokio::test]
async fn every_step_is_done_once_and_again_by_whoever_takes_over() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let others = others(&stage, "orders-token")?;
    let mut order = claimed(&stage, 1, 1).await?;
    for (number, step) in
        [Step::Redeem, Step::Reserve, Step::Authorize, Step::CommitStock, Step::Capture].iter().enumerate()
    {
        let fence = u32::try_from(number)? * 2 + 1;
        for (fence, who) in [(fence, "first"), (fence, "again"), (fence + 1, "the next worker")] {
            assert_eq!(take(&others, &mut order, *step, fence).await, Outcome::Done, "{step:?}, {who}");
        }
    }
    let refund = take(&others, &mut order, Step::Refund, 20).await;
    assert_eq!((refund, take(&others, &mut order, Step::Refund, 21).await), (Outcome::Done, Outcome::Done));
    assert_eq!(take(&others, &mut order, Step::Restock, 22).await, Outcome::Done);
    assert_eq!(take(&others, &mut order, Step::Restock, 23).await, Outcome::Done);
    for (what, times) in [("authorize", 1), ("capture", 1), ("refund", 1), ("void", 0)] {
        assert_eq!(stage.provider_did(what).await, times, "{what}");
    }
    assert!(matches!(take(&others, &mut order, Step::Restock, 3).await, Outcome::Unknown(_)), "an overtaken worker");
    Ok(())
}

#[tokio::test]
async fn every_refusal_is_told_from_an_answer_that_did_not_come() -> anyhow::Result<()> {
    let mut stage = Stage::set().await?;
    stage.leaves(1).await;
    let others = others(&stage, "orders-token")?;
    let refused = |slug: &str| Outcome::Refused(slug.to_owned());
    let mut order = claimed(&stage, 1, 2).await?;
    assert_eq!(take(&others, &mut order, Step::Reserve, 1).await, refused("out-of-stock"));
    order.quote_token.replace_range(40..41, "!");
    assert_eq!(take(&others, &mut order, Step::Redeem, 1).await, refused("quote-invalid"));
    order.quote.lines[0].sku = "NO-SUCH".to_owned();
    assert_eq!(take(&others, &mut order, Step::Reserve, 2).await, refused("sku-unknown"));

    let mut order = claimed(&stage, 2, 1).await?;
    order.method = "tok_declined".to_owned();
    assert_eq!(take(&others, &mut order, Step::Authorize, 1).await, refused("payment-declined"));
    assert!(matches!(take(&others, &mut order, Step::Capture, 1).await, Outcome::Contradiction(_)));
    assert_eq!(take(&others, &mut order, Step::Reserve, 1).await, Outcome::Done);
    assert_eq!(take(&others, &mut order, Step::Release, 1).await, Outcome::Done);
    assert_eq!(take(&others, &mut order, Step::CommitStock, 1).await, refused("reservation-closed"));

    let mut order = claimed(&stage, 3, 1).await?;
    assert_eq!(take(&others, &mut order, Step::Authorize, 1).await, Outcome::Done);
    assert_eq!(take(&others, &mut order, Step::Void, 1).await, Outcome::Done);
    assert_eq!(take(&others, &mut order, Step::Void, 2).await, Outcome::Done);
    order.quote.total.amount += 1;
    assert!(
        matches!(take(&others, &mut order, Step::Authorize, 1).await, Outcome::Unknown(_)),
        "the key was used otherwise"
    );

    let mistaken = self::others(&stage, "cart-token")?;
    stage.payments.kill()?;
    for step in [Step::Redeem, Step::Reserve] {
        assert!(
            matches!(take(&mistaken, &mut order, step, 3).await, Outcome::Unknown(_)),
            "{step:?}: our token is wrong"
        );
    }
    assert!(matches!(take(&others, &mut order, Step::Capture, 3).await, Outcome::Unknown(_)), "nobody is there");
    Ok(())
}
