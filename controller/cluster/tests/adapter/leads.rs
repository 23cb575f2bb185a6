//! Leader election on the real server: an old leader writes nothing, and a graceful one makes way at once.

use std::time::{Duration, Instant};

use presale_cluster::{Elector, Error, Target, Writer, scale};
use test_kit::ApiServer;

use crate::ground::{Ground, clock, operator};

#[expect(clippy::disallowed_methods, reason = "the test measures real time")]
fn stopwatch() -> Instant {
    Instant::now()
}

const TTL: Duration = Duration::from_secs(4);

#[tokio::test]
async fn an_old_leader_writes_nothing_once_another_may_lead() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 1).await?;
    let target = ground.kinds.adopted(&ground.namespace, ("apps/v1", "Deployment", "legacy")).await?;
    let server = ApiServer::shared_with_controllers().await?;
    let user = |name: &str| format!("{name}-of-{}", ground.namespace);
    let (old, new) = (operator(server, &user("old")).await?, operator(server, &user("new")).await?);
    let lease = (ground.namespace.as_str(), "presale");
    let (elector, mut leads) = Elector::new(old.clone(), lease, "old", TTL, clock);
    let renewing = tokio::spawn(elector.run(std::future::pending()));
    leads.acquired().await;
    let (elector, mut successor) = Elector::new(new.clone(), lease, "new", TTL, clock);
    tokio::spawn(elector.run(std::future::pending()));
    // The old leader goes on writing as fast as it can while its renewals stop, as on a stalled thread.
    let writing = tokio::spawn(keep_scaling(Writer::new(old, leads), target.clone(), 2));
    tokio::time::sleep(TTL).await;
    assert!(!successor.leads(), "while one renews, no other leads");
    renewing.abort();
    successor.acquired().await;
    let succeeding = tokio::spawn(keep_scaling(Writer::new(new, successor), target, 3));
    tokio::time::sleep(TTL).await;
    assert!(!writing.is_finished() && !succeeding.is_finished(), "neither met another error");
    writing.abort();
    succeeding.abort();
    let of_old = ground.writes_of(&user("old"))?.to("deployments/scale");
    let of_new = ground.writes_of(&user("new"))?.to("deployments/scale");
    let (last, first) = (of_old.last().expect("it wrote").at, of_new.first().expect("it wrote").at);
    assert!(of_old.len() > 10 && of_new.len() > 10, "{} and {} writes", of_old.len(), of_new.len());
    assert!(last < first, "the old leader wrote at {last}, after the new one began at {first}");
    println!(
        "{} writes, then {} by the successor {} ms later",
        of_old.len(),
        of_new.len(),
        first.duration_since(last).as_millis()
    );
    Ok(())
}

/// Scales as long as it may; a refusal for lack of the lease is no end, since a bad loop would not stop either.
async fn keep_scaling(writer: Writer, target: Target, replicas: u32) -> Error {
    loop {
        match scale(&writer, &target, replicas).await {
            Ok(_) | Err(Error::NotLeader { .. } | Error::Deadline { .. }) => {}
            Err(other) => return other,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_leader_gives_the_lease_back_so_that_nobody_waits() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let client = ground.writer.client().clone();
    let ttl = Duration::from_mins(1);
    let lease = (ground.namespace.as_str(), "presale");
    let (elector, mut first) = Elector::new(client.clone(), lease, "first", ttl, clock);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(elector.run(async { drop(stopped.await) }));
    first.acquired().await;
    let started = stopwatch();
    drop(stop);
    running.await?;
    assert!(!first.leads());
    let (elector, mut second) = Elector::new(client, lease, "second", ttl, clock);
    tokio::spawn(elector.run(std::future::pending()));
    second.acquired().await;
    assert!(started.elapsed() < ttl / 2, "it took {:?}", started.elapsed());
    Ok(())
}
