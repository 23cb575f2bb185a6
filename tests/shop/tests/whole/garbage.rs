//! Bad input at every door that writes: a client error in the shop's own words, never a failure, and nothing written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, HeaderValue};
use loadgen::connection::{Answer, Connection, Message};
use loadgen::journey::orders::token_of;
use loadgen::journey::people::{Customer, address, open as open_accounts};
use presale_shop::Shop;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::open::{open, selected};

/// Doors that write, and who may come.
const DOORS: [(&str, &str, &str); 16] = [
    ("POST", "/v1/accounts", "anyone"),
    ("POST", "/v1/auth/token", "anyone"),
    ("POST", "/v1/auth/revoke", "anyone"),
    ("PATCH", "/v1/accounts/me", "customer"),
    ("POST", "/v1/accounts/me/addresses", "customer"),
    ("PUT", "/v1/cart/items/P00001-1", "customer"),
    ("POST", "/v1/cart/merge", "customer"),
    ("POST", "/v1/cart/quote", "customer"),
    ("POST", "/v1/orders", "customer"),
    ("POST", "/v1/products", "admin"),
    ("POST", "/v1/prices", "admin"),
    ("POST", "/v1/rates", "admin"),
    ("POST", "/v1/promotions", "admin"),
    ("POST", "/v1/coupons", "admin"),
    ("POST", "/v1/stock/P00001-1/adjustments", "admin"),
    ("POST", "/v1/webhooks/psp", "anyone"),
];

/// What is no request anywhere: broken as text, as JSON, as numbers.
fn bodies() -> Vec<Vec<u8>> {
    let nested = ["[".repeat(20_000), "]".repeat(20_000)].concat();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "null",
        "[]",
        "{",
        "{}garbage",
        "{\"quantity\":1,\"quantity\":2}",
        "{\"quantity\":0}",
        "{\"quantity\":-1}",
        "{\"quantity\":2147483648}",
        "{\"quantity\":1e400}",
        "{\"change\":9223372036854775808,\"reason\":\"x\"}",
        "{\"email\":\"a\\u0000b@example.com\",\"name\":\"n\",\"password\":\"long enough for all\"}",
        &nested,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(b"{\"email\":\"\xff\xfe\"}".to_vec());
    bodies.push(b"{\"a\":\"\x00\"}".to_vec());
    bodies
}

struct Sweep<'a> {
    shop: &'a Shop,
    token: String,
    number: u64,
}

impl Sweep<'_> {
    /// Sends this as somebody who comes from an address of their own, so that no limit hides what is said to it.
    async fn send(&mut self, method: &str, path: &str, who: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        self.number += 1;
        let key = format!("sweep-{}", self.number);
        let mut headers: Vec<(HeaderName, String)> = vec![
            (CONTENT_TYPE, "application/json".to_owned()),
            (IF_MATCH, "\"0\"".to_owned()),
            (HeaderName::from_static("idempotency-key"), key),
        ];
        match who {
            "customer" => headers.push((AUTHORIZATION, format!("Bearer {}", self.token))),
            "admin" => headers.push((AUTHORIZATION, format!("Bearer {}", self.shop.wiring.secrets.admin))),
            _ => {}
        }
        let headers = headers.into_iter().map(|(name, value)| Ok((name, HeaderValue::from_str(&value)?)));
        let headers = headers.collect::<anyhow::Result<_>>()?;
        let message =
            Message { method: method.parse()?, path: path.to_owned(), headers, body: body.into(), keeps_body: true };
        let mut connection = Connection::from(self.shop.gateway, address(900_000 + self.number));
        let answered = connection.send(&message, Instant::now() + Duration::from_secs(30)).await;
        answered.map_err(|outcome| anyhow::anyhow!("{method} {path}: {}", outcome.label()))
    }
}

/// Rows of every table that a customer or administrator writes to.
async fn rows(shop: &Shop) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let mut rows = BTreeMap::new();
    for (database, statement) in [
        ("accounts", "SELECT concat((SELECT count(*) FROM accounts), ' ', (SELECT count(*) FROM addresses))"),
        ("cart", "SELECT concat((SELECT count(*) FROM carts), ' ', (SELECT count(*) FROM cart_lines))"),
        ("catalog", "SELECT count(*)::text FROM products"),
        (
            "pricing",
            "SELECT concat((SELECT count(*) FROM prices), ' ', (SELECT count(*) FROM rates), ' ',
                (SELECT count(*) FROM promotions), ' ', (SELECT count(*) FROM coupons))",
        ),
        ("inventory", "SELECT concat((SELECT count(*) FROM stock), ' ', (SELECT count(*) FROM stock_ledger))"),
        ("orders", "SELECT count(*)::text FROM orders"),
        ("payments", "SELECT concat((SELECT count(*) FROM payments), ' ', (SELECT count(*) FROM notices))"),
    ] {
        rows.insert(database, selected(shop, database, statement).await?);
    }
    Ok(rows)
}

/// Sends these bytes, and returns what is answered before the connection ends.
async fn raw(gateway: SocketAddr, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(bytes).await?;
    let mut said = Vec::new();
    // Who waits for more of the request is left alone.
    let _ = timeout(Duration::from_millis(700), stream.read_to_end(&mut said)).await;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn whatever_is_sent_to_any_door_is_a_client_error_and_writes_nothing() -> anyhow::Result<()> {
    let shop = open(&[]).await?;
    open_accounts(shop.gateway, 1).await?;
    let mut connection = Connection::new(shop.gateway);
    let granted = connection.send(&Customer(0).log_in().into(), Instant::now() + Duration::from_secs(30)).await;
    let token = granted.ok().as_ref().and_then(token_of).unwrap();
    let before = rows(&shop).await?;
    let mut sweep = Sweep { shop: &shop, token, number: 0 };
    let mut wrong = Vec::new();
    for (method, path, who) in DOORS {
        for body in bodies() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let answer = sweep.send(method, path, who, body).await?;
            let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let own_words = problem["status"] == answer.status && problem["type"].is_string();
            if !(400..500).contains(&answer.status) || answer.status == 429 || !own_words {
                wrong.push(format!("{method} {path} {shown:?}: {} {problem}", answer.status));
            }
        }
    }
    // A homograph: the first letter is Cyrillic. Escapes that hide a slash, and a SKU that is none.
    for sku in ["%D0%A000001-1", "P00001%2F1", "p00001-1", &"P".repeat(3_000)] {
        let answer =
            sweep.send("PUT", &format!("/v1/cart/items/{sku}"), "customer", b"{\"quantity\":1}".to_vec()).await?;
        if !(400..500).contains(&answer.status) {
            wrong.push(format!("sku {sku:.40}: {}", answer.status));
        }
    }
    let long = format!("GET /v1/products HTTP/1.1\r\nhost: shop\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    let cut = "POST /v1/accounts HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\nidempotency-key: cut\r\n\
        content-length: 500\r\n\r\n{\"email\":\"cut@example.com\",\"name\":\"Cut\",\"password\":\"long enough for all\"}";
    let both = "POST /v1/auth/token HTTP/1.1\r\nhost: shop\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
        0\r\n\r\nGET /v1/accounts/me HTTP/1.1\r\nhost: shop\r\n\r\n";
    for bytes in [long.as_str(), cut, both, "GET\0 / HTTP/1.1\r\nhost: shop\r\n\r\n", "\u{ff}\u{fe}\r\n\r\n"] {
        let said = raw(shop.gateway, bytes.as_bytes()).await?;
        let status = said.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        if said.matches("HTTP/1.1 ").count() > 1 || status.is_some_and(|status| !(400..500).contains(&status)) {
            wrong.push(format!("{:?}: {said}", bytes.chars().take(60).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows(&shop).await?, before);
    let alive = connection.send(&Message::get("/v1/products"), Instant::now() + Duration::from_secs(30)).await;
    assert_eq!(alive.map(|answer| answer.status).ok(), Some(200));
    shop.close().await
}
