//! Start, readiness, overload and drain, with the database really away or really locked.

use std::time::Duration;

use futures::future::join_all;
use shop_contracts::demo::product_id;
use sqlx::{Connection, PgConnection};
use test_kit::Postgres;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::running::{Catalog, start_on, start_seeded};

/// Locks the products away, so that requests are truly in flight until it is dropped.
async fn locked(catalog: &Catalog) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::connect(&catalog.database_url).await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE").execute(&mut connection).await?;
    Ok(connection)
}

#[tokio::test]
async fn many_that_start_at_once_on_an_empty_database_all_become_ready() -> anyhow::Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let catalogs = join_all((0..6).map(|_| start_on(&url, &[]))).await;
    for catalog in catalogs {
        assert_eq!(catalog?.get("/v1/products").await.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn readyz_names_the_database_while_it_is_away_and_recovers_by_itself() -> anyhow::Result<()> {
    let postgres = Postgres::start().await?;
    let catalog = start_on(&postgres.database().await?, &["--database-acquire-timeout=500ms"]).await?;
    // The test server commits without waiting for the disk; what the migration wrote shall survive the kill.
    let mut connection = PgConnection::connect(&catalog.database_url).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    postgres.kill().await?;
    sleep(Duration::from_millis(2_200)).await;
    let detail = catalog.get("/readyz").await.is_problem(503, "not-ready");
    assert!(detail.starts_with("database: "), "{detail}");
    assert_eq!(catalog.get("/healthz").await.status, 200, "alive all the same");
    let refused = catalog.get("/v1/products").await;
    refused.is_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    postgres.revive().await?;
    let recovered = async {
        while catalog.get("/readyz").await.status != 200 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(15), recovered).await?;
    assert_eq!(catalog.get("/v1/products").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_drain_fails_readiness_first_and_answers_what_is_in_flight() -> anyhow::Result<()> {
    let catalog = start_seeded(3).await?;
    let lock = locked(&catalog).await?;
    let path = format!("/v1/products/{}", product_id(1));
    let (in_flight, ()) = tokio::join!(catalog.get(&path), async {
        sleep(Duration::from_millis(200)).await;
        catalog.stop.cancel();
        sleep(Duration::from_millis(50)).await;
        let detail = catalog.admin_readyz().await.is_problem(503, "not-ready");
        assert!(detail.contains("draining"), "{detail}");
        let late = catalog.send("GET", "/healthz", &[], "").await.expect("new connections are served for the delay");
        assert_eq!((late.status, late.header("connection")), (200, "close"));
        sleep(Duration::from_millis(600)).await;
        assert!(catalog.send("GET", "/healthz", &[], "").await.is_err(), "after the delay nobody listens");
        drop(lock);
    });
    assert_eq!((in_flight.status, in_flight.header("connection")), (200, "close"));
    catalog.stopped().await?;
    Ok(())
}

#[tokio::test]
async fn requests_beyond_the_drain_timeout_are_cut_off_and_that_is_said() -> anyhow::Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let catalog = start_on(&url, &["--drain-delay=0s", "--drain-timeout=300ms"]).await?;
    let _lock = locked(&catalog).await?;
    let mut socket = TcpStream::connect(catalog.public()).await?;
    socket.write_all(b"GET /v1/products HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    sleep(Duration::from_millis(200)).await;
    let error = catalog.stopped().await.unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("1 connections were still busy"), "{source}");
    Ok(())
}

#[tokio::test]
async fn overload_is_counted_as_offered_and_turned_away_with_retry_after() -> anyhow::Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let flags = ["--concurrency-limit=2", "--queue-limit=4", "--queue-timeout=600ms", "--request-timeout=2s"];
    let catalog = start_on(&url, &flags).await?;
    let lock = locked(&catalog).await?;
    let (answers, ()) = tokio::join!(join_all((0..10).map(|_| catalog.get("/v1/products"))), async {
        sleep(Duration::from_secs(1)).await;
        drop(lock);
    });
    let shed: Vec<_> = answers.iter().filter(|a| a.status == 503).collect();
    let served = answers.iter().filter(|a| a.status == 200).count();
    assert_eq!((served, shed.len()), (2, 8));
    assert!(shed.iter().all(|a| a.header("retry-after") == "1"));
    let metrics = catalog.metrics().await;
    for line in [
        r#"shop_requests_offered_total{route="/v1/products",priority="normal"} 10"#,
        r#"shop_requests_rejected_total{reason="shed",priority="normal"} 6"#,
        r#"shop_requests_rejected_total{reason="deadline",priority="normal"} 2"#,
        "shop_concurrency_limit 2",
        "shop_concurrency_inflight 0",
        "http_server_active_requests 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert_eq!(catalog.get("/v1/products").await.status, 200, "recovers at once");
    Ok(())
}

#[tokio::test]
async fn work_beyond_its_deadline_is_answered_504() -> anyhow::Result<()> {
    let url = Postgres::shared().await?.database().await?;
    let catalog = start_on(&url, &["--request-timeout=300ms"]).await?;
    let _lock = locked(&catalog).await?;
    catalog.get("/v1/products").await.is_problem(504, "deadline");
    Ok(())
}
