//! Promises to others: every declared metric is exported and no other, every documented route lives.

use std::collections::BTreeSet;
use std::time::Duration;

use shop_metrics::Metric;
use shop_metrics::names::{ALL, EVENTS};
use tokio::time::sleep;

use crate::running::{start, start_seeded};

#[tokio::test]
async fn exports_every_declared_metric_and_no_other() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    catalog.get("/v1/products").await;
    catalog.stop.cancel();
    sleep(Duration::from_millis(150)).await;
    let exposition = catalog.metrics().await;
    assert!(exposition.ends_with("# EOF\n"));
    let exported: BTreeSet<&str> =
        exposition.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
    let declared: BTreeSet<&str> = ALL.iter().chain(EVENTS).map(Metric::registered_name).collect();
    assert!(exported.is_subset(&declared), "{exported:?}");
    for metric in ALL {
        let sampled = exposition.lines().any(|l| l.starts_with(metric.name));
        assert!(sampled, "{} has no sample", metric.name);
    }
    Ok(())
}

#[tokio::test]
async fn every_documented_route_lives_and_answers_as_documented() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let document = catalog.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let path = path.replace("{id}", &shop_contracts::demo::product_id(0).to_string());
            let answer = catalog.send(&method.to_uppercase(), &path, &[], "").await?;
            let status = answer.status.to_string();
            assert!(operation["responses"].get(&status).is_some(), "{method} {path} answered {status}");
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
    Ok(())
}

#[tokio::test]
async fn traces_of_the_caller_do_not_change_answers() -> anyhow::Result<()> {
    let catalog = start().await?;
    let parent = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    assert_eq!(catalog.send("GET", "/v1/products", &parent, "").await?.status, 200);
    let garbage = [("traceparent", "zz-nonsense")];
    assert_eq!(catalog.send("GET", "/v1/products", &garbage, "").await?.status, 200);
    Ok(())
}
