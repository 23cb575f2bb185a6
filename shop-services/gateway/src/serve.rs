//! The gateway's life: read routes, certificates and endpoints, follow them, serve, drain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use shop_kit::access::Access;
use shop_kit::admission::Limits;
use shop_kit::auth::AdminToken;
use shop_kit::process::ThisProcess;
use shop_kit::server::Certificates;
use shop_kit::watched::{Watched, stays};
use shop_kit::{Kit, World};
use shop_metrics::{Build, Calls, Proxying, ShopMetrics};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Command, EndpointsConfig, ServeConfig};
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::exposed::Exposed;
use crate::page::ProductPage;
use crate::pool::Sizes;
use crate::proxy::{Gateway, handle};
use crate::rate::Meter;
use crate::routes::Routes;
use crate::table::{self, Defaults};
use crate::upstream::Sender;
use crate::{registry, slices, tls};

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "gateway", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where a file, the cluster, a client or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), GatewayError> {
    let Command::Serve(config) = command;
    serve(*config, world).await
}

/// What goes on behind the requests: files and the cluster are followed until the last request is answered.
struct Followers {
    tasks: TaskTracker,
    stop: CancellationToken,
    period: Duration,
}

async fn serve(config: ServeConfig, world: World) -> Result<(), GatewayError> {
    let ServeConfig { server, telemetry: _, access, endpoints, routes, admin_token, call_timeout, .. } = config;
    let followers =
        Followers { tasks: TaskTracker::new(), stop: CancellationToken::new(), period: endpoints.watch_period };
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (calls, proxying) = (Calls::register(&mut metrics), Proxying::register(&mut metrics));
    let defaults = Defaults { deadline: server.request_timeout, body_limit: server.body_limit };
    let door = Limits {
        concurrency: server.concurrency_limit,
        queue: server.queue_limit,
        queue_timeout: server.queue_timeout,
    };
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    Gateway::may_reject(&kit.metrics.admission);
    let sizes = Sizes { door, hold: config.hold_limit, hold_timeout: config.hold_timeout };
    let directory = Directory::new(sizes, proxying.clone()).showing(kit.credentials.clone());
    let directory = Arc::new(directory);
    let told = Arc::clone(&directory);
    kit.health.depends_on("endpoints", move || std::future::ready(told.is_told()));
    let own_service = endpoints.own_service.clone();
    let drawn = Arc::new(Routes::default());
    if endpoints.exposed {
        let drawn = Arc::clone(&drawn);
        kit.health.depends_on("routes", move || std::future::ready(drawn.is_told()));
    }
    if let Some(path) = routes {
        followers.table(path, &directory, defaults, &drawn).await?;
    }
    let page = ProductPage::new(&directory, config.recommendations_timeout, config.currency);
    followers.endpoints(endpoints, &directory, defaults, &drawn).await?;
    let certificates = match config.tls_certificate.zip(config.tls_key) {
        None => None,
        Some((chain, key)) => Some(followers.certificates(chain, key).await?),
    };
    let gateway = Gateway {
        table: drawn.table(),
        directory,
        own_service,
        sender: Sender::new(world.random, calls.clone(), proxying),
        access: Access::new(&access, call_timeout, calls, kit.credentials.as_ref())?,
        admin: AdminToken::new(admin_token.as_ref()),
        meter: Meter::new(world.started),
        clock: world.clock,
        trusted_hops: config.trusted_hops,
        page,
        metrics: Arc::clone(&kit.metrics),
    };
    let router = Router::new().fallback(handle).with_state(Arc::new(gateway));
    let served = kit.serve_bare(router, certificates).await;
    followers.end().await;
    Ok(served?)
}

impl Followers {
    /// The routes in a file; one that becomes wrong leaves them as they were.
    async fn table(
        &self,
        path: PathBuf,
        directory: &Arc<Directory>,
        defaults: Defaults,
        routes: &Arc<Routes>,
    ) -> Result<(), GatewayError> {
        let file = Watched::read(vec![path]).await?;
        let (directory, routes) = (Arc::clone(directory), Arc::clone(routes));
        let read = move |contents: &[Vec<u8>]| Ok(table::draw(&contents[0], &directory, defaults)?);
        routes.draw(read(file.contents())?);
        self.follow(file, read, move |drawn| routes.draw(drawn));
        Ok(())
    }

    /// The endpoints of services, from a file or the cluster, and from there what they expose.
    async fn endpoints(
        &self,
        config: EndpointsConfig,
        directory: &Arc<Directory>,
        defaults: Defaults,
        routes: &Arc<Routes>,
    ) -> Result<(), GatewayError> {
        let EndpointsConfig { registry, namespace, exposed, kubeconfig, own_service: _, watch_period: _ } = config;
        if let Some(path) = registry {
            let file = Watched::read(vec![path]).await?;
            let read = |contents: &[Vec<u8>]| Ok(registry::parse(&contents[0])?);
            directory.tell(read(file.contents())?);
            let directory = Arc::clone(directory);
            self.follow(file, read, move |places| directory.tell(places));
        }
        if let Some(namespace) = namespace {
            let client = slices::client(&namespace, kubeconfig.as_deref()).await?;
            if exposed {
                let services = Exposed::new(Arc::clone(directory), defaults, Arc::clone(routes));
                self.tasks.spawn(services.follow(client.clone(), namespace.clone(), self.stop.clone()));
            }
            self.tasks.spawn(slices::follow(client, namespace, Arc::clone(directory), self.stop.clone()));
        }
        Ok(())
    }

    /// The certificate in two files; new connections see the present one.
    async fn certificates(&self, chain: PathBuf, key: PathBuf) -> Result<Certificates, GatewayError> {
        let files = Watched::read(vec![chain, key]).await?;
        let read = |contents: &[Vec<u8>]| Ok(tls::offered(&contents[0], &contents[1])?);
        let (changed, certificates) = watch::channel(read(files.contents())?);
        // Where one half of a pair is written first, the pair stays as it was until the other is.
        self.follow(files, read, move |config| drop(changed.send_replace(config)));
        Ok(certificates)
    }

    /// Reads files again when they change, and applies what was read; what cannot be read changes nothing.
    fn follow<T>(
        &self,
        files: Watched,
        read: impl Fn(&[Vec<u8>]) -> Result<T, GatewayError> + Send + Sync + 'static,
        apply: impl Fn(T) + Send + Sync + 'static,
    ) {
        let changed = move |contents: &[Vec<u8>]| match read(contents) {
            Ok(now) => apply(now),
            Err(error) => stays(&error),
        };
        self.tasks.spawn(files.follow(self.period, self.stop.clone(), changed));
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
