//! What is exposed: the routes that the gateway makes of each field. How it serves them has tests of its own there.

use std::time::Duration;

use serde_json::{Value, json};
use shop_gateway::directory::Directory;
use shop_gateway::exposed::read;
use shop_gateway::pool::Sizes;
use shop_gateway::table::{Defaults, Placed};
use shop_kit::admission::Limits;
use shop_kit::process::ThisProcess;
use shop_metrics::{Build, Proxying, ShopMetrics};

use crate::Case;

/// The first route that a gateway makes of what the service exposes.
fn route(shop: &Value) -> Placed {
    let mut metrics = ShopMetrics::new(&Build { service_name: "gateway", version: "0" }, ThisProcess);
    let door = Limits { concurrency: 8, queue: 8, queue_timeout: Duration::from_secs(1) };
    let sizes = Sizes { door, hold: 4, hold_timeout: Duration::from_secs(10) };
    let directory = Directory::new(sizes, Proxying::register(&mut metrics));
    let defaults = Defaults { deadline: Duration::from_secs(30), body_limit: 1_000 };
    let routes = read("checkout", &shop["spec"]["expose"], &directory, defaults).expect("the schema would take it");
    routes.into_iter().next().expect("a route")
}

/// One public route, and what else it says.
fn exposing(more: &Value) -> Value {
    let mut route = json!({"path": "/v1/orders", "audience": "Public"});
    crate::lay_over(&mut route, more);
    json!({"expose": {"routes": [route]}})
}

fn limited(whose: &str, per_second: u32, burst: u32) -> Value {
    exposing(&json!({"limits": {whose: {"perSecond": per_second, "burst": burst}}}))
}

pub(crate) fn cases() -> Vec<Case> {
    let plain = || exposing(&json!({}));
    let case = |field, more: &Value, seen, change| Case::new(field, exposing(more), seen, change).besides(plain());
    let mut cases = vec![
        Case::new(
            "expose.host",
            json!({"expose": {"host": "shop.example"}}),
            |shop| json!(route(shop).host),
            [json!(null), json!("shop.example")],
        )
        .besides(plain()),
        case(
            "expose.routes[].path",
            &json!({"path": "/v1/orders/{id}"}),
            |shop| json!(route(shop).route.path),
            [json!("/v1/orders"), json!("/v1/orders/{id}")],
        ),
        case(
            "expose.routes[].methods[]",
            &json!({"methods": ["GET", "POST"]}),
            |shop| json!(route(shop).route.methods.iter().map(http::Method::as_str).collect::<Vec<_>>()),
            [json!([]), json!(["GET", "POST"])],
        ),
        case(
            "expose.routes[].audience",
            &json!({"audience": "Customer"}),
            |shop| json!(format!("{:?}", route(shop).route.audience)),
            [json!("Public"), json!("Customer")],
        ),
        case(
            "expose.routes[].priority",
            &json!({"priority": "Critical"}),
            |shop| json!(route(shop).route.priority.label()),
            [json!("normal"), json!("critical")],
        ),
        case(
            "expose.routes[].deadline",
            &json!({"deadline": "1m500ms"}),
            |shop| json!(route(shop).route.deadline.as_millis()),
            [json!(30_000), json!(60_500)],
        ),
        case(
            "expose.routes[].bodyLimit",
            &json!({"bodyLimit": 64}),
            |shop| json!(route(shop).route.body_limit),
            [json!(1_000), json!(64)],
        ),
    ];
    cases.extend(limits());
    cases
}

fn limits() -> [Case; 4] {
    let client = |shop: &Value| json!(route(shop).route.per_client.map(|rate| [rate.per_second, rate.burst]));
    let all = |shop: &Value| json!(route(shop).route.in_all.map(|rate| [rate.per_second, rate.burst]));
    let change = |with: [f64; 2]| [json!([2.0, 20.0]), json!(with)];
    let case = |field, whose, numbers: [u32; 2], seen, with| {
        Case::new(field, limited(whose, numbers[0], numbers[1]), seen, change(with)).besides(limited(whose, 2, 20))
    };
    [
        case("expose.routes[].limits.perClient.perSecond", "perClient", [5, 20], client, [5.0, 20.0]),
        case("expose.routes[].limits.perClient.burst", "perClient", [2, 50], client, [2.0, 50.0]),
        case("expose.routes[].limits.inAll.perSecond", "inAll", [5, 20], all, [5.0, 20.0]),
        case("expose.routes[].limits.inAll.burst", "inAll", [2, 50], all, [2.0, 50.0]),
    ]
}
