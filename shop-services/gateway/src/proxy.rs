//! What every request passes: its route, the offered count, tokens, limits, a hold, the door, and the service.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, header};
use shop_kit::access::Access;
use shop_kit::admission::Refusal;
use shop_kit::auth::AdminToken;
use shop_kit::guard::{UNMATCHED, known};
use shop_kit::server::Caller;
use shop_kit::{Clock, Priority, Problem, deadline, telemetry};
use shop_metrics::{Admission, HttpServer, Offered, Rejected, Request as Served, ShopMetrics};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::body::{AnswerBody, RequestBody};
use crate::directory::Directory;
use crate::head;
use crate::page::ProductPage;
use crate::pool::Pool;
use crate::rate::{Client, Meter};
use crate::table::{Audience, Found, Route, Table, Target};
use crate::upstream::{Failure, Onward, Sender};

/// What a refused client waits before it comes again.
const PAUSE: Duration = Duration::from_secs(1);
/// For a year, browsers do not come in the clear any more.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Everything that requests pass.
#[derive(Debug)]
pub struct Gateway {
    /// Routes as they are now.
    pub table: watch::Receiver<Arc<Table>>,
    /// Who serves.
    pub directory: Arc<Directory>,
    /// Service whose endpoints are the gateways.
    pub own_service: String,
    /// Sends requests on.
    pub sender: Sender,
    /// Who customers are.
    pub access: Access,
    /// Who administrators are.
    pub admin: AdminToken,
    /// Limits.
    pub meter: Meter,
    /// Checks tokens' times.
    pub clock: Clock,
    /// Proxies in front whose word is taken.
    pub trusted_hops: usize,
    /// The composed page.
    pub page: ProductPage,
    /// Families.
    pub metrics: Arc<ShopMetrics>,
}

/// One arrived request until it is gone, also when the client hangs up and the future is dropped.
struct Active(HttpServer);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// How a request is served.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Its route.
    pub route: &'a Route,
    /// How much it matters.
    pub priority: Priority,
    /// What the client waits, or the route allows, whichever is less.
    pub patience: Duration,
}

impl Turn<'_> {
    /// Whether the service is given the time that the route allows, so that it can be blamed for taking longer.
    pub fn is_fair(&self) -> bool {
        self.patience == self.route.deadline
    }
}

/// What is known of a request before anybody may say no.
struct Arrived {
    route: Arc<Route>,
    host: String,
    caller: Caller,
    priority: Priority,
}

/// The handler of all requests: counts them as offered before anyone may say no, and as served after.
pub async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let since = Instant::now();
    let method = request.method().clone();
    let (parts, body) = request.into_parts();
    let arrived = gateway.look_up(&parts);
    let (label, priority) = match &arrived {
        Ok(Arrived { route, priority, .. }) => {
            match &route.target {
                Target::Service(pool) => pool.is_asked(&route.path, *priority),
                Target::ProductPage => gateway.page.is_asked(&route.path, *priority),
            }
            (route.path.clone(), *priority)
        }
        Err(_) => (UNMATCHED.to_owned(), Priority::Normal),
    };
    let (demand, http) = (&gateway.metrics.admission, &gateway.metrics.http);
    demand.offered(&Offered { route: label.clone(), priority: priority.label() });
    http.begin();
    let _active = Active(http.clone());

    let span = telemetry::request_span(&parts.headers, &method, &label);
    let encrypted = parts.extensions.get::<Caller>().is_some_and(|caller| caller.encrypted);
    let answered = async {
        match arrived {
            Ok(arrived) => gateway.answer(arrived, parts, body).await.unwrap_or_else(IntoResponse::into_response),
            Err(refused) => *refused,
        }
    };
    let mut response = answered.instrument(span.clone()).await;
    if encrypted {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    demand.set_limit(gateway.directory.concurrency());

    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    let labels =
        Served { http_request_method: known(&method), http_route: label, http_response_status_code: status.as_u16() };
    http.served(&labels, since.elapsed());
    response
}

impl Gateway {
    /// Shows every way to be turned away with 0 from the start.
    pub fn may_reject(demand: &Admission) {
        for priority in Priority::ALL {
            for reason in ["rate_limit", "shed", "breaker", "deadline"] {
                demand.may_reject(&Rejected { reason, priority: priority.label() });
            }
        }
    }

    fn look_up(&self, parts: &Parts) -> Result<Arrived, Box<Response>> {
        let refused = |problem: Problem| Box::new(problem.into_response());
        let caller = parts.extensions.get::<Caller>().copied().ok_or_else(|| refused(Problem::internal()))?;
        let host = head::checked(parts).map_err(refused)?;
        let table = Arc::clone(&self.table.borrow());
        let route = match table.find(&host, &parts.method, parts.uri.path()) {
            Found::Route(route) => route,
            Found::Nothing => return Err(refused(Problem::no_route())),
            Found::Methods(methods) => {
                let allowed: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
                let allow = [(header::ALLOW, allowed.join(", "))];
                return Err(Box::new((allow, Problem::method_not_allowed()).into_response()));
            }
        };
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let bot = user_agent.is_some_and(|user_agent| table.is_bot(user_agent));
        let priority = if bot { Priority::Low } else { route.priority };
        Ok(Arrived { route, host, caller, priority })
    }

    async fn answer(&self, arrived: Arrived, mut parts: Parts, body: axum::body::Body) -> Result<Response, Problem> {
        let Arrived { route, host, caller, priority } = arrived;
        let address = head::client(&parts.headers, caller, self.trusted_hops);
        let customer = self.identify(&route, &parts).await;
        let client = customer.as_ref().ok().copied().flatten().unwrap_or(Client::at(address));
        self.within_limits(&route, client).inspect_err(|_| self.rejected("rate_limit", priority))?;
        customer?;
        let body = RequestBody::new(body, route.body_limit);
        if http_body::Body::size_hint(&body).lower() > route.body_limit as u64 {
            return Err(too_long(route.body_limit));
        }
        let told = deadline::told(&parts.headers);
        let patience = told.map_or(route.deadline, |told| told.min(route.deadline));
        if route.audience == Audience::Public {
            parts.headers.remove(header::AUTHORIZATION);
        }
        head::onward(&mut parts.headers, address, caller, &host);
        let turn = &Turn { route: &route, priority, patience };
        match &route.target {
            Target::ProductPage => self.page.compose(self, &parts, turn).await,
            Target::Service(pool) => {
                self.hold(pool, priority, told).await?;
                let target = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
                let until = Instant::now() + patience;
                let fair = turn.is_fair();
                let request = Onward { method: parts.method, target, headers: parts.headers, body, until, fair };
                self.forward(pool, turn, &request).await
            }
        }
    }

    /// The customer who calls, where the route wants to know.
    async fn identify(&self, route: &Route, parts: &Parts) -> Result<Option<Client>, Problem> {
        let token = parts.headers.contains_key(header::AUTHORIZATION);
        match route.audience {
            Audience::Customer => {}
            Audience::Guest if token => {}
            Audience::Public | Audience::Guest => return Ok(None),
            Audience::Admin => return self.admin.check(&parts.headers).map(|()| None),
            Audience::Internal => return Err(Problem::no_route()),
        }
        self.access.check(&parts.headers, self.clock.now()).await.map(|customer| Some(Client::Customer(customer)))
    }

    fn within_limits(&self, route: &Route, client: Client) -> Result<(), Problem> {
        let now = Instant::now();
        let replicas = self.directory.count(&self.own_service);
        let limits = [(client, route.per_client), (Client::All, route.in_all.map(|rate| rate.share(replicas)))];
        for (client, rate) in limits {
            let Some(rate) = rate else { continue };
            self.meter.take(&route.name, client, rate, now).map_err(|wait| {
                let whose = if client == Client::All { "the shop" } else { "the caller" };
                Problem::too_many(format!("this is asked of {whose} more often than it may be"), wait)
            })?;
        }
        Ok(())
    }

    /// Waits for the service to come up, where it has no endpoint, but not longer than the client told.
    ///
    /// # Errors
    /// 503 where too many wait, or the wait was too long.
    pub async fn hold(&self, pool: &Pool, priority: Priority, told: Option<Duration>) -> Result<(), Problem> {
        let up = timeout(told.unwrap_or(Duration::MAX), pool.comes_up(priority)).await;
        up.unwrap_or(Err(Refusal::WaitedTooLong)).map_err(|refusal| self.turned_away(refusal, priority))
    }

    fn turned_away(&self, refusal: Refusal, priority: Priority) -> Problem {
        self.rejected(refusal.label(), priority);
        let detail = match refusal {
            Refusal::Shed => "too many requests are waiting",
            Refusal::WaitedTooLong => "the wait was too long",
        };
        Problem::unavailable(detail, PAUSE)
    }

    async fn forward(&self, pool: &Pool, turn: &Turn<'_>, request: &Onward) -> Result<Response, Problem> {
        let place = self.enter(pool, turn.priority, turn.patience).await?;
        let answer = self.sender.send(pool, &turn.route.pace, request).await;
        let (answer, lease) = answer.map_err(|failure| self.failed(failure, turn))?;
        let (mut parts, body) = answer.into_parts();
        head::strip(&mut parts.headers);
        Ok(Response::from_parts(parts, axum::body::Body::new(AnswerBody::new(body, turn.patience, lease, place))))
    }

    /// A place at the service's door, waited for no longer than `patience`.
    ///
    /// # Errors
    /// 503 where too many wait, or the wait was too long.
    pub async fn enter(&self, pool: &Pool, priority: Priority, patience: Duration) -> Result<Place, Problem> {
        let since = Instant::now();
        let permit =
            pool.door.enter(priority, patience).await.map_err(|refusal| self.turned_away(refusal, priority))?;
        let demand = self.metrics.admission.clone();
        demand.admitted(since.elapsed());
        Ok(Place { _permit: permit, demand })
    }

    fn failed(&self, failure: Failure, turn: &Turn<'_>) -> Problem {
        let Turn { route, priority, patience } = *turn;
        match failure {
            Failure::Breaker => {
                self.rejected("breaker", priority);
                Problem::unavailable("the service fails and is left alone for a moment", PAUSE)
            }
            Failure::Deadline => {
                self.rejected("deadline", priority);
                Problem::deadline(patience)
            }
            Failure::NoAnswer => Problem::new(
                StatusCode::BAD_GATEWAY,
                "bad-gateway",
                "The service gave no answer",
                "whether it did what it was asked is not known",
            ),
            Failure::TooLong => too_long(route.body_limit),
            Failure::Broken => Problem::bad_request("the body ended before its end"),
            Failure::Slow => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow-body",
                "The body came too slowly",
                format!("all of it within {} ms passes", patience.as_millis()),
            ),
        }
    }

    fn rejected(&self, reason: &'static str, priority: Priority) {
        self.metrics.admission.rejected(&Rejected { reason, priority: priority.label() });
    }
}

/// A place at a service's door, counted until dropped.
#[derive(Debug)]
pub struct Place {
    _permit: crate::door::Permit,
    demand: Admission,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.demand.left();
    }
}

fn too_long(limit: usize) -> Problem {
    let detail = format!("bodies of at most {limit} bytes pass");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long", detail)
}
