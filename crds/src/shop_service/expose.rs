//! Ways into a service from outside, served by the shop's gateway.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;
use crate::validation::duration_between;

/// Ways into the service from outside, through Presale's shop gateway. What is not listed here is not reachable. The
/// gateway sends to the Ready endpoints of the Kubernetes Service of this object's name, port `http`.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Expose {
    /// Host under which the routes exist, such as shop.example. Default: any host; those of a host come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("expose.host must be a host name in lower case without a port, such as \"shop.example\""))]
    pub host: Option<String>,
    /// The routes, 1 to 64. Where two services state the same route, the older one's stands.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.all(r, self.filter(o, o.path == r.path).size() == 1 || has(r.methods) && \
        self.all(o, o.path != r.path || has(o.methods)) && \
        r.methods.all(m, self.filter(o, o.path == r.path && m in o.methods).size() == 1))")
        .message("expose.routes must not have two routes for one method of a path: list the methods of each, and every method once"))]
    pub routes: Vec<Route>,
}

/// One way in: a path, who may ask there, and how much of it there may be.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Path with {name} for one segment and {*name} for all that follow at its end, such as /v1/orders/{id}. It is also
    /// the route's name in metrics.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = Rule::new("self == '/' || self.matches('^(/([-A-Za-z0-9._~]+|[{][a-z_]+[}]))*(/[{][*][a-z_]+[}])?$')")
        .message("path must begin with '/' and may have {name} for a segment and {*name} at its end, such as \"/v1/orders/{id}\""))]
    pub path: String,
    /// Methods that the route takes; HEAD goes with GET. Default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub methods: Vec<Method>,
    /// Who may ask. Public: anybody, and who they are is not passed on. Guest: anybody, but who sends a token needs a
    /// valid one. Customer: with a customer's token. Admin: with the administrators' token.
    pub audience: Audience,
    /// Who is served when not all can be: Critical before High before Normal before Low. Default Normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Longest wait for the head of the answer, and then for each part of it. Range 10ms to 5m. Default: the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("expose.routes.deadline", "10ms", "5m", "2s"))]
    pub deadline: Option<DurationText>,
    /// Longest body of a request, bytes. Range 0 to 1073741824. Default: the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_073_741_824))]
    pub body_limit: Option<u32>,
    /// How often the route may be asked; what is more is answered 429. Default: as often as the service can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RouteLimits>,
}

/// How often a route may be asked.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.perClient) || has(self.inAll)")
    .message("limits needs perClient, inAll or both: write for example perClient: {perSecond: 2, burst: 20}, or remove limits"))]
pub struct RouteLimits {
    /// What one client (customer, else address) may ask of one gateway. Default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_client: Option<RequestRate>,
    /// What all clients together may ask of all gateways, however many run. Default unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_all: Option<RequestRate>,
}

/// So many requests per second, and so many at once.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RequestRate {
    /// Requests per second. Range 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_second: u32,
    /// Requests at once after a rest. Range 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
}

/// Method of a request.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Method {
    /// Read.
    Get,
    /// Read the head only.
    Head,
    /// Add or do.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// Remove.
    Delete,
    /// Ask what is possible.
    Options,
}

/// Who may ask.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Audience {
    /// Anybody; who they are is not passed on.
    Public,
    /// Anybody; who sends a token must have a valid one.
    Guest,
    /// Customers.
    Customer,
    /// Administrators.
    Admin,
}

/// How much requests matter.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Priority {
    /// Turned away first.
    Low,
    /// Neither.
    #[default]
    Normal,
    /// Turned away late.
    High,
    /// Turned away last.
    Critical,
}
