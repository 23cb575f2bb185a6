//! Alive and ready: `/healthz` says the process runs, `/readyz` names the dependency that fails or the drain.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use http::StatusCode;
use shop_metrics::Lifecycle;
use tokio::time::timeout;

use crate::problem::Problem;

/// Longest that one dependency may take to say that it works.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not ready yet.
    Starting,
    /// Takes traffic while its dependencies work.
    Serving,
    /// Told to stop: takes no new traffic, finishes what it has.
    Draining,
}

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Health of one service; clones share it.
#[derive(Clone)]
pub struct Health {
    phase: Arc<Mutex<Phase>>,
    checks: Arc<Mutex<Vec<(&'static str, Check)>>>,
    metrics: Lifecycle,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

impl Health {
    /// Starting, with no dependency yet.
    pub fn new(metrics: Lifecycle) -> Self {
        metrics.set_ready(false);
        Self { phase: Arc::new(Mutex::new(Phase::Starting)), checks: Arc::default(), metrics }
    }

    /// Adds a dependency: its name, and how to ask whether it works.
    pub fn depends_on<F>(&self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push((name, check));
    }

    /// Where the process is.
    pub fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to the next phase.
    pub fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.metrics.set_ready(phase == Phase::Serving);
    }

    /// Asks every dependency.
    ///
    /// # Errors
    /// Says what is in the way: the phase, or each failing dependency by name.
    pub async fn ready(&self) -> Result<(), String> {
        let ready = match self.phase() {
            Phase::Starting => Err("the service is starting".to_owned()),
            Phase::Draining => Err("the service is draining".to_owned()),
            Phase::Serving => self.ask().await,
        };
        self.metrics.set_ready(ready.is_ok());
        ready
    }

    async fn ask(&self) -> Result<(), String> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answers = checks.into_iter().map(|(name, check)| async move {
            match timeout(CHECK_TIMEOUT, check()).await {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(format!("{name}: {why}")),
                Err(_) => Some(format!("{name}: no answer within {} ms", CHECK_TIMEOUT.as_millis())),
            }
        });
        let failing: Vec<String> = futures::future::join_all(answers).await.into_iter().flatten().collect();
        if failing.is_empty() { Ok(()) } else { Err(failing.join("; ")) }
    }

    /// Routes `/healthz` and `/readyz`.
    pub fn routes(&self) -> Router {
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(self.clone())
    }
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready for traffic", why).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ThisProcess;
    use shop_metrics::{Build, ShopMetrics};

    fn health() -> (Health, ShopMetrics) {
        let metrics = ShopMetrics::new(&Build { service_name: "test", version: "0" }, ThisProcess);
        (Health::new(metrics.lifecycle.clone()), metrics)
    }

    #[tokio::test(start_paused = true)]
    async fn names_every_dependency_that_fails_and_none_that_works() {
        let (health, metrics) = health();
        health.depends_on("database", || async { Err("connection refused".to_owned()) });
        health.depends_on("broker", || async { Ok(()) });
        health.depends_on("clock", std::future::pending);
        assert!(health.ready().await.unwrap_err().contains("starting"));
        health.enter(Phase::Serving);
        assert_eq!(health.ready().await.unwrap_err(), "database: connection refused; clock: no answer within 1000 ms");
        assert!(metrics.render().unwrap().contains("shop_ready 0"));
    }

    #[tokio::test]
    async fn is_not_ready_while_draining_though_all_works() {
        let (health, metrics) = health();
        health.enter(Phase::Serving);
        health.ready().await.unwrap();
        assert!(metrics.render().unwrap().contains("shop_ready 1"));
        health.enter(Phase::Draining);
        assert!(health.ready().await.unwrap_err().contains("draining"));
        assert!(metrics.render().unwrap().contains("shop_ready 0"));
    }
}
