//! The routes of the shop: which service answers what, for whom, how much it matters, and how often it may be asked.
//!
//! Only what is in the table can be reached from outside; nothing is open because somebody forgot to close it.

mod drawn;
mod file;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use matchit::Router;
use shop_kit::Priority;

pub use drawn::{Drawn, Placed};
pub use file::{Defaults, TableError, draw, parse};
pub(crate) use file::{Written, WrittenRate, http_port, route};

use crate::door::Pace;
use crate::pool::Pool;
use crate::rate::Rate;

/// What is asked for and how it is answered.
#[derive(Debug)]
pub struct Route {
    /// The pattern, also in metrics: `/v1/products/{id}`.
    pub path: String,
    /// Names it among all routes: methods, host and path.
    pub name: Arc<str>,
    /// Methods; all where empty.
    pub methods: Vec<Method>,
    /// Who answers.
    pub target: Target,
    /// Who may ask.
    pub audience: Audience,
    /// How much it matters.
    pub priority: Priority,
    /// Longest wait for the head of the answer, and then for each part of it.
    pub deadline: Duration,
    /// Longest body of a request, in bytes.
    pub body_limit: usize,
    /// What one client may ask of one gateway.
    pub per_client: Option<Rate>,
    /// What all clients together may ask of all gateways.
    pub in_all: Option<Rate>,
    /// How long answers need to take.
    pub pace: Pace,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum Target {
    /// A service.
    Service(Arc<Pool>),
    /// The gateway itself, from what several services say of a product.
    ProductPage,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Anybody; who they are is not passed on.
    Public,
    /// Anybody; who sends a token must have a valid one.
    Guest,
    /// Customers.
    Customer,
    /// Administrators.
    Admin,
    /// Nobody from outside, whatever else the table opens.
    Internal,
}

/// All routes, as requests are looked up in them.
#[derive(Debug, Default)]
pub struct Table {
    hosts: BTreeMap<String, Router<Vec<Arc<Route>>>>,
    anywhere: Router<Vec<Arc<Route>>>,
    bots: Vec<String>,
}

/// What the table says of a request.
#[derive(Debug)]
pub enum Found {
    /// It has a route.
    Route(Arc<Route>),
    /// Its path has, with these methods.
    Methods(Vec<Method>),
    /// Nothing is there, as far as anybody outside shall know.
    Nothing,
}

impl Table {
    /// Looks a request up; routes of its host come before those of any host.
    pub fn find(&self, host: &str, method: &Method, path: &str) -> Found {
        let mut methods = Vec::new();
        for router in self.hosts.get(host).into_iter().chain([&self.anywhere]) {
            let Ok(found) = router.at(path) else { continue };
            let open = found.value.iter().filter(|route| route.audience != Audience::Internal);
            if let Some(route) = found.value.iter().find(|route| route.takes(method)) {
                return if route.audience == Audience::Internal {
                    Found::Nothing
                } else {
                    Found::Route(Arc::clone(route))
                };
            }
            methods.extend(open.flat_map(|route| route.methods.iter().cloned()));
        }
        if methods.is_empty() { Found::Nothing } else { Found::Methods(methods) }
    }

    /// Whether this client calls itself a robot.
    pub fn is_bot(&self, user_agent: &str) -> bool {
        let user_agent = user_agent.to_ascii_lowercase();
        self.bots.iter().any(|word| user_agent.contains(word))
    }
}

impl Route {
    fn takes(&self, method: &Method) -> bool {
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        self.methods.is_empty() || self.methods.contains(asked) || self.methods.contains(method)
    }
}
