//! The fast signal: every second the pods of services with a reserve tell what arrived and what is at work, themselves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use presale_cluster::PodFacts;
use presale_cluster::convert::{ServiceSpec, SignalSpec};
use presale_cluster::reserve::{ServiceLabel, can_resize};
use presale_crds::ShopService;
use presale_models::Reading;
use presale_prometheus::{PodCounters, PodScraper};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::GRACE;
use super::memory::{Heard, Memory};
use crate::operator::{Operator, key_of};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Pods that are read at the same time.
const AT_ONCE: usize = 64;
/// Looks between two questions whether the server resizes pods.
const ASK_AGAIN: u32 = 600;
/// Standard deviations by which a burst must stand out of what Prometheus says.
const SURE: f64 = 2.0;
/// How much more than the last decision rests on wakes its service at once.
const SURGE: f64 = 1.1;
/// Seconds that the pods' word is the mean of.
const SPAN: f64 = 15.0;

/// Looks until stopped, and wakes services that have something to do.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
pub(crate) async fn run(operator: Arc<Operator>, wake: mpsc::Sender<ObjectRef<ShopService>>, stop: CancellationToken) {
    let scraper = match PodScraper::new() {
        Ok(scraper) => scraper,
        Err(error) => {
            tracing::error!(%error, "pods cannot be read: the warm reserve goes without its fast signal");
            stop.cancelled().await;
            return;
        }
    };
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        if looks.is_multiple_of(ASK_AGAIN) || !operator.resizing.is_answered() {
            ask_for_resize(&operator).await;
        }
        looks = looks.wrapping_add(1);
        let Some(woken) = stop.run_until_cancelled(look(&operator, &scraper)).await else { return };
        for shop in woken {
            if wake.try_send(shop).is_err() {
                tracing::warn!("the reconcilers are behind: a service with a reserve is not woken this second");
            }
        }
    }
}

async fn ask_for_resize(operator: &Operator) {
    match can_resize(operator.writer.client()).await {
        Ok(can) => operator.resizing.learn(can),
        Err(error) => tracing::warn!(%error, "whether pods can be resized is not known"),
    }
}

/// One look at all services with a reserve, at the same time; those that have something to do.
async fn look(operator: &Operator, scraper: &PodScraper) -> Vec<ObjectRef<ShopService>> {
    if !operator.leadership.leads() {
        return Vec::new();
    }
    let places = Semaphore::new(AT_ONCE);
    let shops = operator.shops();
    let looks = shops.iter().map(|shop| look_at(operator, scraper, &places, shop).boxed());
    let due = join_all(looks).await;
    shops.iter().zip(due).filter(|(_, due)| *due).map(|(shop, _)| ObjectRef::from_obj(shop.as_ref())).collect()
}

/// One look at one service; whether it has something to do.
async fn look_at(operator: &Operator, scraper: &PodScraper, places: &Semaphore, shop: &ShopService) -> bool {
    let key = key_of(shop);
    let pods = operator.services.with(&key, |service| service.has_reserve.then(|| service.pods.clone()));
    let (Some(pods), Ok(spec)) = (pods, operator.spec(shop)) else { return false };
    let port = operator.config.pod_metrics_port;
    let counters = join_all(pods.iter().map(|pod| read(scraper, places, pod, port).boxed())).await;
    let now = operator.now();
    operator.services.with(&key, |service| {
        let heard: Vec<Heard<'_>> = pods
            .iter()
            .zip(counters)
            .map(|(pod, counters)| Heard { uid: &pod.uid, in_service: serves(pod), counters })
            .collect();
        service.reserve.hear(&heard, now);
        let last = service.last.as_ref().map(|last| last.input.load);
        let shrinks = operator.resizing.is_known() && any_to_shrink(&pods, &spec, &service.reserve, now);
        shrinks || surges(&spec, &service.reserve, last, now)
    })
}

/// What a pod says; `None` where it does not, or not in time.
async fn read(scraper: &PodScraper, places: &Semaphore, pod: &PodFacts, port: u16) -> Option<PodCounters> {
    let ip: IpAddr = pod.ip.as_ref()?.parse().ok()?;
    let _place = places.acquire().await.ok()?;
    let address = SocketAddr::new(ip, pod.reserve.metrics_port.unwrap_or(port));
    let read = scraper.read(address, serves(pod)).await;
    read.inspect_err(|error| tracing::debug!(pod = pod.name, %error, "a pod of the reserve cannot be read")).ok()
}

fn serves(pod: &PodFacts) -> bool {
    pod.reserve.label == ServiceLabel::InService
}

fn any_to_shrink(pods: &[PodFacts], spec: &ServiceSpec, memory: &Memory, now: Timestamp) -> bool {
    let Some(reserve) = &spec.reserve else { return false };
    pods.iter().any(|pod| {
        let quiet = memory.quiet(&pod.uid, now).is_some_and(|quiet| quiet >= GRACE);
        quiet && !serves(pod) && !pod.reserve.is_small() && pod.reserve.small(reserve).is_some()
    })
}

/// Whether more arrives than the last decision knew of.
fn surges(spec: &ServiceSpec, memory: &Memory, last: Option<Reading>, now: Timestamp) -> bool {
    let Some(last) = last else { return false };
    let known = last.at_least().unwrap_or(0.0);
    live(last, spec, memory.load(now), now).at_least().is_some_and(|load| load > known * SURGE)
}

/// The load as a decision should see it: what Prometheus says, or what the pods themselves say where that is surely more.
///
/// The pods' word only ever raises: Prometheus stays the truth for the past, and for going down. It counts requests per
/// second, so it says nothing to a service whose signal has a query of its own.
pub(crate) fn live(load: Reading, spec: &ServiceSpec, told: Option<f64>, now: Timestamp) -> Reading {
    let Some(told) = told.filter(|_| matches!(spec.signal, SignalSpec::Preset(_))) else { return load };
    let known = match load {
        Reading::Stale { .. } => 0.0,
        other => other.at_least().unwrap_or(0.0),
    };
    if told - SURE * (told / SPAN).sqrt() <= known {
        return load;
    }
    match load.complete() {
        Some(_) => Reading::Fresh { value: told, at: now },
        None => Reading::Partial { value: told, at: now, share: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use presale_cluster::convert::{Defaults, service};
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn spec(scaling: &Value) -> ServiceSpec {
        let shop = json!({"apiVersion": "presale.dev/v1alpha1", "kind": "ShopService", "metadata": {"name": "a"},
            "spec": {"image": "a", "replicas": {"min": 1, "max": 9}, "scaling": scaling}});
        service(&serde_json::from_value(shop).unwrap(), &Defaults::default(), None).unwrap()
    }

    #[test]
    fn a_burst_counts_at_once_and_noise_does_not() {
        let (spec, known) = (spec(&json!({})), Reading::Fresh { value: 100.0, at: at(-10) });
        assert_eq!(live(known, &spec, Some(300.0), at(1)), Reading::Fresh { value: 300.0, at: at(1) });
        assert_eq!(live(known, &spec, Some(105.0), at(1)), known, "two in a hundred times look like that");
        assert_eq!(live(known, &spec, Some(20.0), at(1)), known, "the pods lower nothing");
        assert_eq!(live(known, &spec, None, at(1)), known);
    }

    #[test]
    fn without_prometheus_the_pods_raise_and_lower_nothing() {
        let spec = spec(&json!({}));
        let seen = live(Reading::Error, &spec, Some(300.0), at(0));
        assert_eq!((seen.complete(), seen.at_least()), (None, Some(300.0)));
    }

    #[test]
    fn a_signal_of_ones_own_is_in_a_unit_that_pods_do_not_tell() {
        let spec = spec(&json!({"signal": {"type": "Prometheus", "query": "q"}}));
        assert_eq!(live(Reading::Empty, &spec, Some(300.0), at(0)), Reading::Empty);
    }
}
