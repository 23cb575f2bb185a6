//! Faults are put upon the shop, lane by lane, and taken away again.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use presale_shop::{Link, Service};
use serde_json::Value;
use test_kit::{ChaosProxy, Client, Fault as Spoil, KitError, Nats, Postgres};
use tokio::time::{Instant, sleep, timeout};

use crate::fault::{Fault, Strike, usual};
use crate::stage::Stage;

/// Starts of a service that ends by itself while what it needs is away, as any supervisor starts it again.
const STARTS: u32 = 10;
/// Longest wait for the provider to take a program: it may be killed or frozen itself.
const PROGRAMMED: Duration = Duration::from_mins(1);

/// Kills and freezes services.
pub(crate) async fn services(
    services: &mut BTreeMap<&'static str, Service>,
    strikes: Vec<Strike>,
    stage: &Stage<'_>,
) -> anyhow::Result<()> {
    for strike in strikes {
        stage.until(strike.at).await;
        let (Fault::Kill(name) | Fault::Freeze(name)) = strike.fault else {
            bail!("{} is no such fault", strike.fault)
        };
        let service = services.get_mut(name).with_context(|| format!("no service {name}"))?;
        runs(service)?;
        let at = stage.now();
        if matches!(strike.fault, Fault::Kill(_)) {
            service.kill()?;
            sleep(strike.lasts).await;
            revive(service).await?;
        } else {
            service.signal("STOP").await?;
            sleep(strike.lasts).await;
            service.signal("CONT").await?;
        }
        stage.over(&strike, at);
    }
    Ok(())
}

/// Nobody ends but who is killed.
pub(crate) fn runs(service: &mut Service) -> anyhow::Result<()> {
    let ended = service.ended()?;
    ensure!(ended.is_none(), "{} ended by itself: {ended:?}", service.name());
    Ok(())
}

async fn revive(service: &mut Service) -> Result<(), KitError> {
    for _ in 1..STARTS {
        match service.revive().await {
            Err(KitError::Ended { .. }) => sleep(Duration::from_secs(1)).await,
            other => return other,
        }
    }
    service.revive().await
}

/// Kills database server and broker.
pub(crate) async fn stores(
    (postgres, nats): (&Postgres, &Nats),
    strikes: Vec<Strike>,
    stage: &Stage<'_>,
) -> anyhow::Result<()> {
    for strike in strikes {
        stage.until(strike.at).await;
        let at = stage.now();
        if strike.fault == Fault::Kill("postgres") {
            postgres.kill().await?;
            sleep(strike.lasts).await;
            postgres.revive().await?;
        } else {
            nats.kill().await?;
            sleep(strike.lasts).await;
            nats.revive().await?;
        }
        stage.over(&strike, at);
    }
    Ok(())
}

/// Spoils what passes between services, databases, broker and provider.
pub(crate) async fn network(
    links: &BTreeMap<Link, ChaosProxy>,
    strikes: Vec<Strike>,
    stage: &Stage<'_>,
) -> anyhow::Result<()> {
    for strike in strikes {
        stage.until(strike.at).await;
        let Fault::Network(between, spoil) = strike.fault else { bail!("{} is no such fault", strike.fault) };
        let at = stage.now();
        let set =
            |spoil| links.iter().filter(|(link, _)| between.holds(**link)).for_each(|(_, proxy)| proxy.set(spoil));
        set(spoil);
        sleep(strike.lasts).await;
        set(Spoil::None);
        stage.over(&strike, at);
    }
    Ok(())
}

/// Lets the provider misbehave.
pub(crate) async fn provider(psp: &Client, strikes: Vec<Strike>, stage: &Stage<'_>) -> anyhow::Result<()> {
    program(psp, &usual()).await?;
    for strike in strikes {
        stage.until(strike.at).await;
        let Fault::Provider(_, wanted) = &strike.fault else { bail!("{} is no such fault", strike.fault) };
        program(psp, wanted).await?;
        let at = stage.now();
        sleep(strike.lasts).await;
        program(psp, &usual()).await?;
        stage.over(&strike, at);
    }
    Ok(())
}

async fn program(psp: &Client, program: &Value) -> anyhow::Result<()> {
    let (since, program) = (Instant::now(), program.to_string());
    loop {
        let set = timeout(Duration::from_secs(1), psp.send("PUT", "/sim/program", &[], Some(&program))).await;
        match set {
            Ok(Ok(answer)) if answer.status == 204 => return Ok(()),
            Ok(Ok(answer)) => bail!("the provider does not take {program}: {}", answer.text()),
            _ => ensure!(since.elapsed() < PROGRAMMED, "the provider did not answer for a minute"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}
