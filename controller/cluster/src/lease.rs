//! Leader election on a Lease, and the token that every write checks: an old leader writes nothing.
//!
//! With a time to live of 15 s the holder renews every 2 s and may write until 10 s after the *start* of its last good
//! renewal; another process may take over 15 s after it last saw the Lease change, by its own clock. The 5 s between
//! are the margin for clocks that run at different speeds; clocks that show different times do not matter.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use crate::Error;

/// The right to write, held until a deadline on this process's own clock. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// Until when this process may write; `None` = not at all.
    pub fn until(&self) -> Option<Instant> {
        self.0.borrow().filter(|until| Instant::now() < *until)
    }

    /// Whether this process may write now.
    pub fn leads(&self) -> bool {
        self.until().is_some()
    }

    /// Waits until this process leads. Never returns if the elector has ended without leading.
    pub async fn acquired(&mut self) {
        while !self.leads() {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until this process leads no more.
    pub async fn lost(&mut self) {
        while let Some(until) = self.until() {
            // A renewal moves the deadline; without one, the deadline itself ends the wait.
            if let Ok(Err(_ended)) = timeout_at(until, self.0.changed()).await {
                tokio::time::sleep_until(until).await;
            }
        }
    }

    /// Leads for as long as the process lives: for a single process that needs no election.
    pub fn alone() -> Self {
        let century = Duration::from_hours(100 * 365 * 24);
        let (sender, receiver) = watch::channel(Some(Instant::now() + century));
        drop(sender);
        Self(receiver)
    }
}

/// Competes for one Lease.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    ttl: Duration,
    clock: fn() -> Timestamp,
    seen: Option<(String, Instant)>,
    until: watch::Sender<Option<Instant>>,
}

impl Elector {
    /// A competitor named `identity` (unique per process: the pod's name) for the Lease `namespace/name`, and the token
    /// that tells whether it leads. `ttl` is whole seconds ≥ 3; `clock` only fills the times that people read.
    pub fn new(
        client: Client,
        (namespace, name): (&str, &str),
        identity: &str,
        ttl: Duration,
        clock: fn() -> Timestamp,
    ) -> (Self, Leadership) {
        let (until, receiver) = watch::channel(None);
        let elector = Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            ttl: Duration::from_secs(ttl.as_secs().max(3)),
            clock,
            seen: None,
            until,
        };
        (elector, Leadership(receiver))
    }

    /// Competes, renews, and gives the Lease back once `stop` is done, so that a successor need not wait.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (deadline, mut every) = (self.ttl * 2 / 3, interval(self.ttl * 2 / 15));
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut held, mut stop) = (None::<Instant>, std::pin::pin!(stop));
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = every.tick() => {}
            }
            held = self.round(held, deadline).await;
            self.until.send_replace(held.map(|since| since + deadline));
        }
        self.until.send_replace(None);
        if held.is_some() {
            self.give_back().await;
        }
    }

    /// Tries to take or renew; says since when the Lease is held. A renewal must succeed before the deadline of the last
    /// good one, which an error does not move; without one, a try gets the same time.
    async fn round(&mut self, held: Option<Instant>, deadline: Duration) -> Option<Instant> {
        let start = Instant::now();
        let until = held.unwrap_or(start) + deadline;
        let answer = timeout_at(until, self.attempt()).await;
        match answer {
            Ok(Ok(leads)) => leads.then_some(start),
            Ok(Err(error)) => {
                tracing::warn!(%error, lease = self.name, "lease attempt failed");
                held.filter(|since| since.elapsed() < deadline)
            }
            Err(_elapsed) => held.filter(|since| since.elapsed() < deadline),
        }
    }

    async fn give_back(&mut self) {
        if let Err(error) = self.release().await {
            tracing::warn!(%error, lease = self.name, "lease not given back; it runs out by itself");
        }
    }

    /// One attempt to hold the Lease; expiry is judged on our own clock, as client-go does.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let failed = |operation| move |source| Error::api(operation, "Lease", source);
        let found = self.api.get_opt(&self.name).await.map_err(failed("get"))?;
        let now = MicroTime((self.clock)());
        let written = if let Some(mut lease) = found {
            let version = lease.resource_version().unwrap_or_default();
            if self.seen.as_ref().is_none_or(|(seen, _)| *seen != version) {
                self.seen = Some((version, Instant::now()));
            }
            let spec = lease.spec.clone().unwrap_or_default();
            let holder = spec.holder_identity.as_deref().unwrap_or_default();
            let ours = holder == self.identity;
            let ttl = u64::try_from(spec.lease_duration_seconds.unwrap_or(15).max(1)).unwrap_or(15);
            let expired = self.seen.as_ref().is_some_and(|(_, at)| at.elapsed() > Duration::from_secs(ttl));
            if !(ours || expired || holder.is_empty()) {
                return Ok(false);
            }
            let terms = spec.lease_transitions.unwrap_or(0);
            lease.spec = Some(if ours {
                self.spec(terms, spec.acquire_time, now)
            } else {
                self.spec(terms.saturating_add(1), Some(now.clone()), now)
            });
            self.api.replace(&self.name, &PostParams::default(), &lease).await
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(0, Some(now.clone()), now)) };
            self.api.create(&PostParams::default(), &lease).await
        };
        match written {
            Ok(lease) => {
                self.seen = lease.resource_version().map(|version| (version, Instant::now()));
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
            Err(source) => Err(failed("write")(source)),
        }
    }

    async fn release(&mut self) -> Result<(), Error> {
        let failed = |source| Error::api("release", "Lease", source);
        let give_back = async {
            let Some(mut lease) = self.api.get_opt(&self.name).await? else { return Ok(()) };
            let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
            if spec.holder_identity.as_deref() != Some(self.identity.as_str()) {
                return Ok(());
            }
            spec.holder_identity = Some(String::new());
            self.api.replace(&self.name, &PostParams::default(), &lease).await.map(drop)
        };
        match timeout(self.ttl / 3, give_back).await {
            Ok(done) => done.map_err(failed),
            Err(_elapsed) => Err(Error::Deadline {
                operation: "release",
                object: "Lease".to_owned(),
                seconds: (self.ttl / 3).as_secs(),
            }),
        }
    }

    fn spec(&self, transitions: i32, since: Option<MicroTime>, now: MicroTime) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.ttl.as_secs()).ok(),
            acquire_time: since,
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn leads_only_until_the_deadline() {
        let (sender, receiver) = watch::channel(Some(Instant::now() + Duration::from_secs(10)));
        let mut leadership = Leadership(receiver);
        assert!(leadership.leads());
        tokio::time::advance(Duration::from_secs(6)).await;
        sender.send_replace(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(leadership.leads());
        let before = Instant::now();
        leadership.lost().await;
        assert_eq!(before.elapsed().as_secs(), 1);
        assert!(!leadership.leads());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_its_turn() {
        let (sender, receiver) = watch::channel(None);
        let mut leadership = Leadership(receiver);
        let waiting = tokio::spawn(async move { leadership.acquired().await });
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(!waiting.is_finished());
        sender.send_replace(Some(Instant::now() + Duration::from_secs(10)));
        waiting.await.expect("acquired");
    }
}
