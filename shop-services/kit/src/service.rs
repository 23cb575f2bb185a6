//! One service from start to drained: metrics, health, admin listener, guarded public listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use shop_metrics::ShopMetrics;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::admin;
use crate::admission::{Admission, Limits};
use crate::auth::Certified;
use crate::config::ServerConfig;
use crate::cut_off::{CutOff, let_go};
use crate::database::Database;
use crate::guard::{Guard, PriorityOf, guard};
use crate::health::{Health, Phase};
use crate::mutual::{Credentials, MutualError};
use crate::problem::Problem;
use crate::server::{self, Certificates, Door, Drained, Ending, Shown};

/// What a service stands on while it runs.
#[derive(Debug)]
pub struct Kit {
    /// Families to record into.
    pub metrics: Arc<ShopMetrics>,
    /// Dependencies to name.
    pub health: Health,
    /// What is shown to other services, where they are to know each other by certificates.
    pub credentials: Option<Credentials>,
    cut_off: CutOff,
    config: ServerConfig,
    started: Instant,
    stop: CancellationToken,
}

/// A service cannot serve, or not to its end.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A listener cannot be opened.
    #[error("cannot listen on {address}: is the port free and the address of this host?")]
    Listen {
        /// What was configured.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificates between services cannot be used.
    #[error("services cannot know each other by their certificates")]
    Mutual(#[from] MutualError),
    /// Some requests were not answered in time after the stop signal.
    #[error("{connections} connections were still busy {waited:?} after the stop signal and were cut off")]
    CutOff {
        /// Connections that were cut off.
        connections: usize,
        /// How long they had.
        waited: Duration,
    },
}

impl Kit {
    /// Opens the admin listener over families that are all registered, so that the service can be asked while it still
    /// starts; reads the certificates between services.
    ///
    /// # Errors
    /// Where the admin address cannot be bound, or the certificates cannot be used.
    pub async fn open(
        metrics: ShopMetrics,
        config: ServerConfig,
        started: Instant,
        stop: CancellationToken,
    ) -> Result<Self, ServeError> {
        let metrics = Arc::new(metrics);
        let health = Health::new(metrics.lifecycle.clone());
        let listener = bind(config.admin_listen).await?;
        let cut_off = CutOff::default();
        let routes = admin::routes(Arc::clone(&metrics), &health, cut_off.clone());
        let ending = Ending {
            header_timeout: config.header_timeout,
            delay: config.drain_delay + config.drain_timeout,
            timeout: Duration::ZERO,
        };
        tokio::spawn(server::serve(listener, routes, ending, stop.clone()));
        let lifecycle = metrics.lifecycle.clone();
        tokio::spawn(server::report_drain(stop.clone(), move |so_far| lifecycle.draining(so_far)));
        let credentials = Credentials::follow(&config.mutual, stop.clone()).await?;
        Ok(Self { metrics, health, credentials, cut_off, config, started, stop })
    }

    /// Serves `routes` until the stop signal, then drains: `/readyz` fails first, new connections are served for the
    /// drain delay with `Connection: close`, requests in flight are finished. Where services know each other by their
    /// certificates, callers that may not call are refused before anything is counted.
    ///
    /// # Errors
    /// Where the address cannot be bound, or requests were cut off at the end.
    pub async fn serve(self, routes: Router, priority: PriorityOf) -> Result<(), ServeError> {
        let guarded = self.guarded(routes, priority);
        let Some(credentials) = self.credentials.clone() else { return self.serve_bare(guarded, None).await };
        let certificates = credentials.served();
        let guarded = guarded.layer(from_fn_with_state(credentials, known_callers));
        self.serve_bare(guarded, Some(certificates)).await
    }

    /// The same with routes that guard themselves: nothing is counted, limited or answered but by them. Over TLS where
    /// there are certificates.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub async fn serve_bare(self, routes: Router, certificates: Option<Certificates>) -> Result<(), ServeError> {
        let door = Door { listener: bind(self.config.listen).await?, certificates };
        self.ready();
        let routes = routes.layer(from_fn_with_state(self.cut_off.clone(), let_go));
        let serving = server::serve(door, routes, self.ending(), self.stop.clone());
        let (drained, ()) = tokio::join!(serving, self.unready_at_stop());
        match drained {
            Drained::Complete => Ok(()),
            Drained::CutOff(connections) => {
                Err(ServeError::CutOff { connections, waited: self.config.drain_delay + self.config.drain_timeout })
            }
        }
    }

    /// Makes `/readyz` name the database while it does not work.
    pub fn depends_on_database(&self, database: &Database) {
        let database = database.clone();
        self.health.depends_on("database", move || {
            let database = database.clone();
            async move { database.check().await }
        });
    }

    fn ready(&self) {
        let took = self.started.elapsed();
        self.health.enter(Phase::Serving);
        self.metrics.lifecycle.started(took);
        tracing::info!(
            listen = %self.config.listen,
            admin = %self.config.admin_listen,
            startup_ms = took.as_millis(),
            "ready"
        );
    }

    async fn unready_at_stop(&self) {
        self.stop.cancelled().await;
        self.health.enter(Phase::Draining);
        tracing::info!("draining");
    }

    fn ending(&self) -> Ending {
        Ending {
            header_timeout: self.config.header_timeout,
            delay: self.config.drain_delay,
            timeout: self.config.drain_timeout,
        }
    }

    fn guarded(&self, routes: Router, priority: PriorityOf) -> Router {
        let limits = Limits {
            concurrency: self.config.concurrency_limit,
            queue: self.config.queue_limit,
            queue_timeout: self.config.queue_timeout,
        };
        let state = Guard {
            admission: Admission::new(limits, self.metrics.admission.clone()),
            demand: self.metrics.admission.clone(),
            http: self.metrics.http.clone(),
            deadline: self.config.request_timeout,
            priority,
        };
        #[cfg(feature = "next")]
        let routes = routes.layer(axum::middleware::from_fn(crate::next::says_more));
        routes
            .fallback(|| async { Problem::no_route() })
            .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
            .layer(CatchPanicLayer::custom(panicked))
            .layer(DefaultBodyLimit::max(self.config.body_limit))
            .layer(from_fn_with_state(Arc::new(state), guard))
            .merge(self.health.routes())
    }
}

/// Lets in those who may call, and says who they are in the extensions.
async fn known_callers(State(credentials): State<Credentials>, mut request: Request, next: Next) -> Response {
    let shown = request.extensions().get::<Shown>();
    let name = shown.and_then(|Shown(certificate)| credentials.name_in(certificate));
    match name.filter(|name| credentials.may_call(name)) {
        Some(name) => {
            request.extensions_mut().insert(Certified(name));
            next.run(request).await
        }
        None => Problem::forbidden(format!("only {} may call here", credentials.callers())).into_response(),
    }
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    server::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}
