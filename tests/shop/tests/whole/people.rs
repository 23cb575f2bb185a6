//! Customers of a whole shop: they have accounts, tokens, an address and an order.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::connection::Connection;
use loadgen::journey::orders::token_of;
use loadgen::journey::people::{Customer, address, open as open_accounts};
use presale_shop::Shop;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The header's value for a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Two customers who have just come in.
pub(crate) async fn opened(shop: &Shop) -> anyhow::Result<[String; 2]> {
    open_accounts(shop.gateway, 2).await?;
    let mut tokens = Vec::new();
    for number in 0..2 {
        let mut connection = Connection::from(shop.gateway, address(u64::from(number)));
        let granted =
            connection.send(&Customer(number).log_in().into(), Instant::now() + Duration::from_secs(30)).await;
        tokens.push(bearer(&granted.ok().as_ref().and_then(token_of).unwrap()));
    }
    Ok([tokens.remove(0), tokens.remove(0)])
}

/// Ids of what a customer has afterwards, by the service that keeps it: an address and an order.
pub(crate) async fn buys(shop: &Shop, token: &str) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let send = async |(method, path): (&str, &str), body: Value| {
        let headers = [("authorization", token), ("if-match", "\"0\""), ("idempotency-key", path)];
        let answer = shop.services["gateway"].client.send(method, path, &headers, Some(&body.to_string())).await?;
        anyhow::ensure!(answer.status < 300, "{method} {path}: {}", answer.text());
        anyhow::Ok(answer.json())
    };
    let home = json!({"recipient": "A", "line1": "S 1", "postal_code": "12345", "city": "C", "country": "DE"});
    let lives = send(("POST", "/v1/accounts/me/addresses"), home).await?;
    send(("PUT", &format!("/v1/cart/items/{}", shop.skus[0])), json!({"quantity": 1})).await?;
    let quoted = send(("POST", "/v1/cart/quote"), json!({"currency": "EUR", "country": "DE"})).await?;
    let order = send(("POST", "/v1/orders"), json!({"quote": quoted["token"], "payment_method": "tok_ok"})).await?;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    Ok(BTreeMap::from([("accounts", id(&lives)), ("orders", id(&order))]))
}
