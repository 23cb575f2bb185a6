//! The service room: what arrives, what was expected, what runs, and why.

use presale_metrics::names as presale;
use shop_metrics::names as shop;

use crate::panel::Look;
use crate::recording::{FAILED_5M, OFFERED, P99};
use crate::{Panel, PanelQuery, Query};

/// Matchers of the service that the variables name.
const THIS: &str = "namespace=\"$namespace\",service=\"$service\"";

/// All panels, two in a row.
pub fn panels() -> Vec<Panel> {
    vec![
        load(),
        replicas(),
        reserve(),
        terms(),
        decisions(),
        promotions(),
        latency(),
        failures(),
        capacity(),
        readings(),
        quality(),
        admission(),
        stages(),
    ]
}

/// Every panel's every query for one service, with rates over `window` (such as `1m`).
pub fn queries(namespace: &str, service: &str, window: &str) -> Vec<PanelQuery> {
    let plain = |expr: &str| {
        expr.replace("$namespace", namespace).replace("$service", service).replace("$__rate_interval", window)
    };
    let of = |panel: &Panel| {
        let (title, eventful) = (panel.title, panel.eventful);
        let query = move |query: &Query| (title, query.legend, query.expr.clone(), eventful);
        panel.queries.iter().map(query).collect::<Vec<_>>()
    };
    let all = panels().iter().flat_map(of).collect::<Vec<_>>();
    all.into_iter()
        .map(|(panel, legend, expr, eventful)| PanelQuery { panel, legend, expr: plain(&expr), eventful })
        .collect()
}

/// One metric of this service, with more matchers.
fn this(metric: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!("{metric}{{{THIS}{comma}{more}}}")
}

fn query(expr: String, legend: &'static str) -> Query {
    Query { expr, legend }
}

fn load() -> Panel {
    let forecast = |level: &str| this(presale::FORECAST_LOAD, &format!("level=\"{level}\""));
    Panel {
        title: "Load and forecast",
        description: "Requests per second that arrive, in the band in which 95 of 100 should lie. Outside of promotions \
                      the load leaving the band for long means that the forecast does not know something.",
        unit: "reqps",
        queries: vec![
            query(forecast("0.025"), "forecast 2.5 %"),
            query(forecast("0.975"), "forecast 97.5 %"),
            query(forecast("0.5"), "forecast median"),
            query(this(OFFERED, ""), "offered"),
            query(this(presale::LOAD, ""), "as read by Presale"),
        ],
        eventful: false,
        look: Look::Band,
    }
}

fn replicas() -> Panel {
    Panel {
        title: "Replicas: desired and ready",
        description: "Ready following desired by the lead time is normal; ready staying below it is not.",
        unit: "short",
        queries: vec![
            query(this(presale::REPLICAS_DESIRED, ""), "desired"),
            query(this(presale::REPLICAS_READY, ""), "ready"),
            query(this(presale::REPLICAS_STARTING, ""), "starting"),
            query(this(presale::REPLICAS_MIN, ""), "min"),
            query(this(presale::REPLICAS_MAX, ""), "max"),
        ],
        eventful: false,
        look: Look::Steps,
    }
}

fn reserve() -> Panel {
    let steps =
        format!("sum by (step) (increase({}[$__rate_interval]))", this(presale::RESERVE_STEPS, "result=\"done\""));
    Panel {
        title: "Warm reserve",
        description: "Pods that are cut off from traffic and back within a second, beside those that serve and those that \
                      start cold; what was done to them. Pods without room are no capacity: new ones start instead.",
        unit: "short",
        queries: vec![
            query(this(presale::REPLICAS_READY, ""), "active"),
            query(this(presale::REPLICAS_WARM, ""), "warm"),
            query(this(presale::REPLICAS_WARM_WANTED, ""), "warm wanted"),
            query(this(presale::REPLICAS_STARTING, ""), "cold"),
            query(this(presale::REPLICAS_DEFERRED, ""), "without room"),
            query(steps, "{{step}}"),
        ],
        eventful: true,
        look: Look::Steps,
    }
}

fn terms() -> Panel {
    Panel {
        title: "Who asks for replicas",
        description: "What forecast, live load and promotions each ask for; the highest wins.",
        unit: "short",
        queries: vec![query(this(presale::FLOOR, ""), "{{term}}")],
        eventful: false,
        look: Look::Steps,
    }
}

fn decisions() -> Panel {
    let rate = format!("sum by (outcome, reason) (increase({}[5m]))", this(presale::DECISIONS, ""));
    Panel {
        title: "Decisions by reason",
        description: "Decisions of the last five minutes by what they came to and by the term or clamp that won.",
        unit: "short",
        queries: vec![query(rate, "{{outcome}}: {{reason}}")],
        eventful: false,
        look: Look::Bars,
    }
}

fn promotions() -> Panel {
    let phases = format!("max by (promotion, phase) ({}{{namespace=\"$namespace\"}} == 1)", presale::PROMOTION_PHASE);
    Panel {
        title: "Promotions",
        description: "The phase that each promotion of the namespace is in.",
        unit: "short",
        queries: vec![query(phases, "{{promotion}}: {{phase}}")],
        eventful: true,
        look: Look::States,
    }
}

fn latency() -> Panel {
    let p50 = format!(
        "histogram_quantile(0.5, sum by (le) (rate({}[$__rate_interval])))",
        this(&format!("{}_bucket", shop::HTTP_REQUEST_DURATION.name), "")
    );
    Panel {
        title: "Latency",
        description: "Duration that half of the requests, and 99 of 100, stay below.",
        unit: "s",
        queries: vec![query(this(P99, ""), "p99"), query(p50, "p50")],
        eventful: false,
        look: Look::Lines,
    }
}

fn failures() -> Panel {
    Panel {
        title: "Failed share of requests",
        description: "Answers with a status of 500 and above, those that were shed among them.",
        unit: "percentunit",
        queries: vec![query(this(FAILED_5M, ""), "failed")],
        eventful: false,
        look: Look::Lines,
    }
}

fn capacity() -> Panel {
    Panel {
        title: "Load that one replica serves",
        description: "Learned from load, CPU and latency; plans count on the cautious value.",
        unit: "reqps",
        queries: vec![
            query(this(presale::CAPACITY, "level=\"0.1\""), "cautious (P10)"),
            query(this(presale::CAPACITY, "level=\"0.5\""), "median"),
        ],
        eventful: false,
        look: Look::Lines,
    }
}

fn readings() -> Panel {
    let states = format!("sum by (state) (rate({}[$__rate_interval]))", this(presale::READINGS, "signal=\"load\""));
    Panel {
        title: "Readings of the load by state",
        description: "Only Fresh and Zero may lower replicas; anything else holds them.",
        unit: "ops",
        queries: vec![query(states, "{{state}}")],
        eventful: false,
        look: Look::Bars,
    }
}

fn quality() -> Panel {
    Panel {
        title: "Quality of the forecast",
        description: "Loss relative to the same hour last week (below 1 is better), share of outcomes below the 95 % \
                      quantile (0.95 is right), and whether the forecast may act.",
        unit: "short",
        queries: vec![
            query(this(presale::FORECAST_WQL, ""), "relative loss"),
            query(this(presale::FORECAST_COVERAGE, ""), "coverage of 95 %"),
            query(this(presale::FORECAST_TRUSTED, ""), "trusted"),
        ],
        eventful: false,
        look: Look::Lines,
    }
}

fn admission() -> Panel {
    let rejected = format!("sum by (reason) (rate({}[$__rate_interval]))", this(shop::REQUESTS_REJECTED.name, ""));
    Panel {
        title: "Requests turned away",
        description: "What the service refused since its queue was full or its deadline had passed.",
        unit: "reqps",
        queries: vec![query(rejected, "{{reason}}")],
        eventful: true,
        look: Look::Bars,
    }
}

fn stages() -> Panel {
    let p95 =
        format!("histogram_quantile(0.95, sum by (stage, le) (rate({}_bucket[$__rate_interval])))", presale::STAGE);
    Panel {
        title: "The operator's own pace",
        description: "Duration that 95 of 100 runs of each stage stay below, over all services.",
        unit: "s",
        queries: vec![query(p95, "{{stage}}")],
        eventful: false,
        look: Look::Lines,
    }
}
