//! Routes from the cluster: `spec.expose` of the `ShopServices` of a namespace, the older one's before the younger one's; and
//! who of them has replicas in a warm reserve.
//!
//! Only that part of the kind is known here; an unknown field in it may close what this gateway would open, so such a
//! service keeps the routes it had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::routes::Routes;
use crate::table::{self, Audience, Defaults, Placed, TableError, Written, WrittenRate, http_port};

/// What a service exposes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expose {
    host: Option<String>,
    routes: Vec<Way>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Way {
    path: String,
    #[serde(default)]
    methods: Vec<String>,
    audience: Asking,
    priority: Option<String>,
    deadline: Option<String>,
    body_limit: Option<usize>,
    limits: Option<Limits>,
}

/// The audiences that a service may name.
#[derive(Deserialize)]
enum Asking {
    Public,
    Guest,
    Customer,
    Admin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Limits {
    per_client: Option<WrittenRate>,
    in_all: Option<WrittenRate>,
}

/// What a service exposes is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ExposeError {
    /// Not of the form that this gateway knows.
    #[error("spec.expose is not of the form that this gateway knows")]
    Form(#[from] serde_json::Error),
    /// A route makes no sense.
    #[error("spec.expose cannot be served")]
    Route(#[from] TableError),
}

/// Reads the routes of one service from its `spec.expose`; pools are those of the directory.
///
/// # Errors
/// Says what is not understood, and what would pass.
pub fn read(
    service: &str,
    expose: &Value,
    directory: &Directory,
    defaults: Defaults,
) -> Result<Vec<Placed>, ExposeError> {
    let Expose { host, routes } = Expose::deserialize(expose)?;
    let placed = |way: Way| {
        let Way { path, methods, audience, priority, deadline, body_limit, limits } = way;
        let Limits { per_client, in_all } = limits.unwrap_or(Limits { per_client: None, in_all: None });
        let audience = match audience {
            Asking::Public => Audience::Public,
            Asking::Guest => Audience::Guest,
            Asking::Customer => Audience::Customer,
            Asking::Admin => Audience::Admin,
        };
        let written = Written {
            path,
            host: host.clone(),
            methods,
            service: Some(service.to_owned()),
            port: http_port(),
            page: None,
            audience,
            priority: priority.map(|word| word.to_ascii_lowercase()),
            deadline,
            body_limit,
            per_client,
            in_all,
        };
        table::route(written, directory, defaults)
    };
    Ok(routes.into_iter().map(placed).collect::<Result<_, _>>()?)
}

/// What services expose, as it was understood last.
#[derive(Debug)]
pub struct Exposed {
    directory: Arc<Directory>,
    defaults: Defaults,
    routes: Arc<Routes>,
    services: BTreeMap<String, (Value, Vec<Placed>)>,
}

impl Exposed {
    /// Nothing yet; `routes` will be told, pools are those of the directory.
    pub fn new(directory: Arc<Directory>, defaults: Defaults, routes: Arc<Routes>) -> Self {
        Self { directory, defaults, routes, services: BTreeMap::new() }
    }

    /// Follows the services of a namespace, until `stop`; while the API server is away, what was known last holds.
    pub async fn follow(mut self, client: Client, namespace: String, stop: CancellationToken) {
        let kind = GroupVersionKind::gvk("presale.dev", "v1alpha1", "ShopService");
        let kind = ApiResource::from_gvk_with_plural(&kind, "shopservices");
        let services = Api::<DynamicObject>::namespaced_with(client, &namespace, &kind);
        let writer = Writer::new(kind);
        let store = writer.as_reader();
        let events = watcher(services, watcher::Config::default()).default_backoff().reflect(writer);
        pin_mut!(events);
        while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
            match event {
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(_) => {
                    self.directory.are_warm(warm(&store.state()));
                    self.take(exposing(&store.state()));
                }
                Err(error) => tracing::warn!(%error, "the routes of services stay as they were"),
            }
        }
    }

    /// Takes in what services expose now, the older before the younger. A service that did not change keeps its routes,
    /// with what was learned of their pace.
    fn take(&mut self, services: Vec<(String, Value)>) {
        let mut changed = self.services.len() != services.len();
        let (mut known, mut all) = (BTreeMap::new(), Vec::new());
        for (name, expose) in services {
            let routes = match self.services.remove(&name) {
                Some((same, routes)) if same == expose => routes,
                before => {
                    changed = true;
                    let routes = read(&name, &expose, &self.directory, self.defaults);
                    routes.unwrap_or_else(|error| stays(&name, &error, before.map(|(_, routes)| routes)))
                }
            };
            all.extend(routes.iter().cloned());
            known.insert(name, (expose, routes));
        }
        self.services = known;
        if changed {
            self.routes.expose(all);
        } else {
            self.routes.are_told();
        }
    }
}

/// What cannot be understood changes nothing.
fn stays(service: &str, error: &ExposeError, before: Option<Vec<Placed>>) -> Vec<Placed> {
    tracing::error!(error = error as &dyn std::error::Error, service, "the routes of a service stay as they were");
    before.unwrap_or_default()
}

/// Services with replicas in their warm reserve.
fn warm(services: &[Arc<DynamicObject>]) -> BTreeSet<String> {
    let held = |service: &&Arc<DynamicObject>| {
        let warm = service.data.pointer("/status/reserve/warm").and_then(Value::as_u64);
        warm.is_some_and(|count| count > 0)
    };
    services.iter().filter(held).map(|service| service.name_any()).collect()
}

/// Who exposes what, oldest first, so that nobody takes a route that another has.
fn exposing(services: &[Arc<DynamicObject>]) -> Vec<(String, Value)> {
    let mut exposing: Vec<_> = services
        .iter()
        .filter(|service| service.metadata.deletion_timestamp.is_none())
        .filter_map(|service| {
            let expose = service.data.get("spec")?.get("expose")?.clone();
            Some((service.creation_timestamp(), service.name_any(), expose))
        })
        .collect();
    exposing.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    exposing.into_iter().map(|(_, name, expose)| (name, expose)).collect()
}
