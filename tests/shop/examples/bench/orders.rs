//! Orders per second from the gateway to `confirmed`: the rate rises until orders take too long.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use loadgen::connection::{Connection, Message};
use loadgen::journey::call::message;
use loadgen::journey::orders::token_of;
use loadgen::journey::people::{self, Customer, address};
use presale_shop::Shop;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, interval, sleep};

use crate::{Row, row};

/// Customers who order; each may do so once per second, and twenty times at once.
pub(crate) const CUSTOMERS: u32 = 200;
/// Rates that are tried, orders per second.
const RATES: [u32; 9] = [25, 50, 75, 100, 125, 150, 200, 250, 300];
/// Longest 99th percentile from created to its end, seconds.
const LONGEST: f64 = 5.0;

/// Age of each order of the last step when it came to rest, as the saga's log has it; null while it is on its way.
const AGES: &str = "SELECT CASE WHEN o.step IS NULL THEN extract(epoch FROM max(l.at) - o.created_at)::float8 END
    FROM orders o JOIN saga_log l ON l.order_id = o.id WHERE o.created_at > clock_timestamp() - make_interval(secs => $1)
    GROUP BY o.id";

/// Orders at rising rates.
pub(crate) async fn confirmed(shop: &Shop, seconds: u32) -> anyhow::Result<Vec<Row>> {
    let buyers = buyers(shop, 0).await?;
    let (mut best, mut list) = (0.0, Vec::new());
    for rate in RATES {
        let (accepted, took) = step(shop, &buyers, rate, seconds, "bench").await?;
        let mut ages: Vec<f64> = ages(shop, took).await?;
        ages.sort_by(f64::total_cmp);
        let p99 = ages.get(ages.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(f64::INFINITY);
        let reached = accepted as f64 / f64::from(seconds);
        crate::say(&format!("{rate} orders/s: {reached:.1} accepted, p99 created → end {p99:.2} s"));
        list.push(format!("{reached:.0}/s {p99:.2} s"));
        if p99 > LONGEST || reached < 0.95 * f64::from(rate) {
            break;
        }
        best = reached;
        sleep(Duration::from_secs(2)).await;
    }
    let what = format!("orders/s to `confirmed`, everything on one machine (p99 created → end: {})", list.join(", "));
    Ok(vec![row(what, format!("{best:.0}"), "≥ 50; ≥ 150")])
}

/// A customer's token, and a quote for one thing.
pub(crate) type Buyer = (String, String);

/// Customers who are about to order, from the `first` one on; who has ordered has an empty cart.
pub(crate) async fn buyers(shop: &Shop, first: u32) -> anyhow::Result<Vec<Buyer>> {
    people::open(shop.gateway, first + CUSTOMERS).await?;
    stream::iter((first..first + CUSTOMERS).map(Customer))
        .map(|customer| buyer(shop, customer))
        .buffered(4)
        .try_collect()
        .await
}

async fn buyer(shop: &Shop, customer: Customer) -> anyhow::Result<Buyer> {
    let mut connection = Connection::from(shop.gateway, address(u64::from(customer.0)));
    let mut send = async |message: Message| {
        let answer = connection.send(&message, Instant::now() + Duration::from_secs(20)).await;
        answer.map_err(|outcome| anyhow::anyhow!("a customer gets ready: {}", outcome.label()))
    };
    let answer = send(customer.log_in().into()).await?;
    let token = token_of(&answer).ok_or_else(|| anyhow::anyhow!("a login was answered {}", answer.status))?;
    let sku = &shop.skus[customer.0 as usize % shop.skus.len()];
    let put = message(http::Method::PUT, format!("/v1/cart/items/{sku}")).bearer(&token).seen("\"0\"");
    send(put.json(&json!({"quantity": 1})).into()).await?;
    let ask = message(http::Method::POST, "/v1/cart/quote").bearer(&token);
    let quoted = send(ask.json(&json!({"currency": "EUR", "country": "DE"})).kept().into()).await?;
    let quoted: Value = serde_json::from_slice(&quoted.body)?;
    let quote = quoted["token"].as_str().ok_or_else(|| anyhow::anyhow!("no quote: {quoted}"))?;
    Ok((token, quote.to_owned()))
}

/// Places orders at this rate, whether or not the shop keeps up; returns how many were accepted and how long it took.
/// No two steps have the same `name` and rate.
pub(crate) async fn step(
    shop: &Shop,
    buyers: &[Buyer],
    rate: u32,
    seconds: u32,
    name: &str,
) -> anyhow::Result<(usize, Duration)> {
    let (mut tick, since, mut orders) = (interval(Duration::from_secs(1) / rate), Instant::now(), Vec::new());
    for number in 0..(rate * seconds) as usize {
        tick.tick().await;
        let (token, quote) = &buyers[number % buyers.len()];
        let key = format!("{name}-{rate}-{number}");
        let body = json!({"quote": quote, "payment_method": "tok_ok"});
        let place: Message = message(http::Method::POST, "/v1/orders").bearer(token).key(&key).json(&body).into();
        let mut connection = Connection::new(shop.gateway);
        orders.push(tokio::spawn(async move {
            let answer = connection.send(&place, Instant::now() + Duration::from_secs(10)).await;
            answer.is_ok_and(|answer| answer.status == 202)
        }));
    }
    let mut accepted = 0;
    for order in orders {
        accepted += usize::from(order.await?);
    }
    Ok((accepted, since.elapsed()))
}

/// How old each order of this step was at its end; waits for them for a while.
pub(crate) async fn ages(shop: &Shop, took: Duration) -> anyhow::Result<Vec<f64>> {
    let mut connection = PgConnection::connect(&shop.services["orders"].database()).await?;
    let since = Instant::now();
    loop {
        let back = (took + since.elapsed()).as_secs_f64() + 0.5;
        let ages: Vec<Option<f64>> = sqlx::query_scalar(AGES).bind(back).fetch_all(&mut connection).await?;
        if ages.iter().all(Option::is_some) || since.elapsed() > Duration::from_secs(20) {
            return Ok(ages.into_iter().map(|age| age.unwrap_or(f64::INFINITY)).collect());
        }
        sleep(Duration::from_millis(500)).await;
    }
}
