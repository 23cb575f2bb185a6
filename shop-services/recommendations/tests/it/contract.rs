//! Promises to others: metrics as declared, routes as documented, and each route's door.

use std::collections::BTreeSet;

use shop_metrics::Metric;
use shop_metrics::names::{ALL, BACKLOG, EVENTS, RECOMMENDING};
use test_kit::Nats;

use crate::running::{NOWHERE, Shop, start, until};

const PRODUCT: &str = "01900000-0000-7000-8000-000000000009";

#[tokio::test]
async fn every_route_answers_as_documented_and_bad_input_is_a_client_error() -> anyhow::Result<()> {
    let recommendations = start(NOWHERE).await?;
    let document = recommendations.get("/openapi.json", None).await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/v1/recommendations", "/v1/recommendations/me"]);
    assert!(paths["/v1/recommendations/me"]["get"]["security"].to_string().contains("user"));
    let anna = recommendations.customer(1);
    for (path, query, token, status) in [
        ("/v1/recommendations", format!("?product={PRODUCT}"), None, 200),
        ("/v1/recommendations", format!("?product={PRODUCT}&limit=50"), Some("Bearer whatever"), 200),
        ("/v1/recommendations", String::new(), None, 400),
        ("/v1/recommendations", "?product=x".to_owned(), None, 400),
        ("/v1/recommendations", format!("?product={PRODUCT}&limit=0"), None, 400),
        ("/v1/recommendations", format!("?product={PRODUCT}&limit=51"), None, 400),
        ("/v1/recommendations", format!("?product={PRODUCT}&limit=1e400"), None, 400),
        ("/v1/recommendations", format!("?product={PRODUCT}&user=1"), None, 400),
        ("/v1/recommendations/me", String::new(), None, 401),
        ("/v1/recommendations/me", "?limit=0".to_owned(), Some("Bearer wrong"), 401),
        ("/v1/recommendations/me", String::new(), Some(anna.as_str()), 200),
        ("/v1/recommendations/me", "?limit=0".to_owned(), Some(anna.as_str()), 400),
        ("/v1/recommendations/me", "?customer=1".to_owned(), Some(anna.as_str()), 400),
    ] {
        let answer = recommendations.get(&format!("{path}{query}"), token).await;
        assert_eq!(answer.status, status, "{path}{query}: {}", answer.text());
        assert!(
            paths[path]["get"]["responses"].get(status.to_string()).is_some(),
            "{path}: {status} is not documented"
        );
        assert_eq!(answer.problem().is_some(), status != 200);
    }
    Ok(())
}

#[tokio::test]
async fn exports_every_metric_of_its_own_and_none_that_is_not_declared() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let recommendations = start(&nats.url()).await?;
    let shop = Shop::open(&nats).await?;
    shop.sells(1..=2).await?;
    shop.buys(1, 1, 1, &[1, 2]).await?;
    recommendations.hears_all(&shop).await;
    recommendations.trains().await;
    assert_eq!(recommendations.for_customer(1).await.0, "empty", "the keys that check tokens are asked for");
    let pending = async || recommendations.metrics().await.contains("shop_inbox_pending_messages 0.0");
    until("the backlog is known", pending).await;
    let text = recommendations.metrics().await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let own: BTreeSet<&str> = BACKLOG.iter().chain(RECOMMENDING).map(Metric::registered_name).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).map(Metric::registered_name).chain(own.clone()).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    assert!(own.is_subset(&exported), "{exported:?}");
    Ok(())
}
