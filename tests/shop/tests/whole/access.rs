//! Every route of every service × everybody who might come: made from what the running services publish of themselves,
//! so that a new route without a row fails.

use std::collections::BTreeSet;

use presale_shop::{NAMES, Shop};
use serde_json::{Value, json};
use test_kit::Answer;

use crate::open::open;
use crate::people::{bearer, buys, opened};

/// Routes that anybody may use, by name.
const PUBLIC: [&str; 13] = [
    "accounts: get /.well-known/jwks.json",
    "accounts: post /v1/accounts",
    "accounts: post /v1/auth/revoke",
    "accounts: post /v1/auth/token",
    "catalog: get /v1/categories",
    "catalog: get /v1/products",
    "catalog: get /v1/products/{id}",
    "inventory: get /v1/stock",
    "pricing: get /.well-known/jwks.json",
    "pricing: get /v1/prices",
    "pricing: get /v1/promotions",
    "pricing: get /v1/promotions/{id}",
    "recommendations: get /v1/recommendations",
];
/// Where the payment provider tells what it did; it is believed by its signature, which nobody here has.
const SIGNED: &str = "payments: post /v1/webhooks/psp";
/// Routes between services, and who of orders and cart may use them.
const BETWEEN: [(&str, &[&str]); 11] = [
    ("inventory: post /v1/reservations", &["orders"]),
    ("inventory: post /v1/reservations/{id}/commit", &["orders"]),
    ("inventory: post /v1/reservations/{id}/release", &["orders"]),
    ("payments: get /v1/payments/{id}", &["orders"]),
    ("payments: post /v1/payments", &["orders"]),
    ("payments: post /v1/payments/{id}/capture", &["orders"]),
    ("payments: post /v1/payments/{id}/refund", &["orders"]),
    ("payments: post /v1/payments/{id}/void", &["orders"]),
    ("pricing: get /v1/events/upcoming", &[]),
    ("pricing: post /v1/quotes", &["cart", "orders"]),
    ("pricing: post /v1/redemptions", &["orders"]),
];
/// Routes to one thing of one customer's.
const OWNED: [&str; 5] = [
    "accounts: delete /v1/accounts/me/addresses/{id}",
    "accounts: get /v1/accounts/me/addresses/{id}",
    "accounts: put /v1/accounts/me/addresses/{id}",
    "orders: get /v1/orders/{id}",
    "orders: post /v1/orders/{id}/cancel",
];

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Anybody,
    Signed,
    /// Customers; guests as well, who have a token of another kind.
    Customers,
    /// The same, and whoever comes without a token is a new guest.
    Guests,
    Administrators,
    Services(&'static [&'static str]),
}

/// One operation of one service.
#[derive(Debug)]
struct Route {
    service: String,
    method: String,
    path: String,
    door: Door,
}

impl Route {
    fn name(&self) -> String {
        format!("{}: {} {}", self.service, self.method, self.path)
    }

    fn concrete(&self) -> String {
        let path = self.path.replace("{id}", "01900000-0000-7000-8000-000000000009");
        path.replace("{sku}", "P00001-1").replace("{code}", "SAVE10")
    }
}

/// The rows of a service's document; routes that have none.
fn rows(service: &str, document: &Value) -> Result<Vec<Route>, Vec<String>> {
    let (mut rows, mut without) = (Vec::new(), Vec::new());
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let name = format!("{service}: {method} {path}");
            let schemes: BTreeSet<&str> = operation["security"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|scheme| scheme.as_object().into_iter().flatten())
                .map(|(name, _)| name.as_str())
                .collect();
            let is_optional = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            let services = BETWEEN.iter().find(|(row, _)| *row == name).map(|(_, callers)| *callers);
            let door = match (schemes.into_iter().collect::<Vec<_>>().as_slice(), services) {
                ([], None) if PUBLIC.contains(&name.as_str()) => Door::Anybody,
                ([], None) if name == SIGNED => Door::Signed,
                (["admin"], None) => Door::Administrators,
                (["service"], Some(callers)) => Door::Services(callers),
                (["user"], None) if path.contains("{id}") && !OWNED.contains(&name.as_str()) => {
                    without.push(format!("{name} leads to a thing of one customer's and has no row of whose"));
                    continue;
                }
                (["guest", "user"], None) if is_optional => Door::Guests,
                (["user"] | ["guest", "user"], None) if !is_optional => Door::Customers,
                (schemes, _) => {
                    without.push(format!("{name} has no row of who may use it: its document says {schemes:?}"));
                    continue;
                }
            };
            rows.push(Route { service: service.to_owned(), method: method.clone(), path: path.clone(), door });
        }
    }
    if without.is_empty() { Ok(rows) } else { Err(without) }
}

/// Every operation that the running services publish.
async fn routes(shop: &Shop) -> anyhow::Result<Vec<Route>> {
    let mut all = Vec::new();
    for name in &NAMES[1..] {
        let document = shop.services[name].client.send("GET", "/openapi.json", &[], None).await?.json();
        all.extend(rows(name, &document).map_err(|without| anyhow::anyhow!(without.join("\n")))?);
    }
    Ok(all)
}

/// Whether the answer to this caller is one that this door allows.
fn is_right(door: Door, caller: &str, answer: &Answer) -> bool {
    let is_let_in = !matches!(answer.status, 401 | 403);
    match (door, caller) {
        (Door::Anybody, _)
        | (Door::Guests, "nobody" | "customer")
        | (Door::Customers, "customer")
        | (Door::Administrators, "admin") => is_let_in,
        (Door::Services(callers), service @ ("orders" | "cart")) => {
            if callers.contains(&service) {
                is_let_in
            } else {
                answer.status == 403
            }
        }
        _ => answer.status == 401,
    }
}

#[tokio::test]
async fn every_route_opens_to_its_callers_and_to_nobody_else() -> anyhow::Result<()> {
    let shop = open(&[]).await?;
    let [anna, _] = opened(&shop).await?;
    let admin = bearer(&shop.wiring.secrets.admin);
    let forged = anna.replace("eyJ", "eyK");
    let callers = [
        ("nobody", None),
        ("forged", Some(forged.as_str())),
        ("customer", Some(anna.as_str())),
        ("admin", Some(admin.as_str())),
        ("orders", Some("Bearer orders-token")),
        ("cart", Some("Bearer cart-token")),
    ];
    let routes = routes(&shop).await?;
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for route in &routes {
        seen.insert(route.name());
        for (caller, token) in callers {
            let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
            let client = &shop.services[route.service.as_str()].client;
            let answer = client.send(&route.method.to_uppercase(), &route.concrete(), &headers, None).await?;
            if !is_right(route.door, caller, &answer) || answer.status >= 500 {
                wrong.push(format!("{} as {caller}: {} {}", route.name(), answer.status, answer.text()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let gone: Vec<_> =
        PUBLIC.iter().chain(&OWNED).chain([&SIGNED]).chain(BETWEEN.iter().map(|(name, _)| name)).collect();
    let gone: Vec<_> = gone.into_iter().filter(|name| !seen.contains(**name)).collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");
    shop.close().await
}

#[test]
fn a_route_without_a_row_is_found() {
    let planted = |operation: Value| json!({"paths": {"/v1/planted/{id}": {"get": operation}}});
    for (operation, why) in [
        (json!({}), "has no row of who may use it"),
        (json!({"security": [{"service": []}]}), "has no row of who may use it"),
        (json!({"security": [{"admin": []}, {"user": []}]}), "has no row of who may use it"),
        (json!({"security": [{"user": []}]}), "has no row of whose"),
    ] {
        let without = rows("orders", &planted(operation)).unwrap_err();
        assert!(without.len() == 1 && without[0].contains(why), "{without:?}");
    }
    assert_eq!(rows("orders", &planted(json!({"security": [{"admin": []}]}))).unwrap()[0].door, Door::Administrators);
}

#[tokio::test]
async fn what_is_one_customers_does_not_exist_for_another_by_any_verb_and_says_no_more_than_documented()
-> anyhow::Result<()> {
    let shop = open(&[]).await?;
    let [anna, berta] = opened(&shop).await?;
    let hers = buys(&shop, &anna).await?;
    let address = json!({"recipient": "B", "line1": "S 1", "postal_code": "12345", "city": "C", "country": "DE"});
    for name in OWNED {
        let (service, operation) = name.split_once(": ").unwrap();
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{id}", &hers[service]);
        let client = &shop.services[service].client;
        let headers = [("authorization", berta.as_str()), ("if-match", "*"), ("idempotency-key", "b")];
        let body = (method == "put").then(|| address.to_string());
        let answer = client.send(&method.to_uppercase(), &path, &headers, body.as_deref()).await?;
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
        let own = client.send("GET", path.trim_end_matches("/cancel"), &[("authorization", &anna)], None).await?;
        assert_eq!(own.status, 200, "{name} changed something: {}", own.text());
        let document = client.send("GET", "/openapi.json", &[], None).await?.json();
        let schemas = &document["components"]["schemas"];
        let documented = ["Order", "Address", "PostalAddress"].map(|schema| schemas[schema].to_string()).concat();
        for (field, _) in own.json().as_object().unwrap() {
            assert!(documented.contains(&format!("\"{field}\"")), "{name} says {field}: {documented}");
        }
    }
    shop.close().await
}
