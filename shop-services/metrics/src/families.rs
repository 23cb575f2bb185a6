//! The families behind the names: one registry per service, recorded through typed methods.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::names::{self, Metric};

/// Bucket edges in seconds: OpenTelemetry's advice for HTTP plus an edge at each latency objective of the shop.
///
/// **Source**: OpenTelemetry semantic conventions, `http.server.request.duration`.
pub const DURATION_BUCKETS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];

/// All families of one service and the registry that renders them.
#[derive(Debug)]
pub struct ShopMetrics {
    registry: Registry,
    /// Requests served.
    pub http: HttpServer,
    /// Requests offered, queued and turned away.
    pub admission: Admission,
    /// Start, readiness and drain.
    pub lifecycle: Lifecycle,
    /// Database client.
    pub database: Database,
}

impl ShopMetrics {
    /// Registers every family; `process` is asked for CPU time and memory at each scrape.
    pub fn new(build: &Build, process: impl Process) -> Self {
        let mut registry = Registry::default();
        let http = HttpServer::register(&mut registry);
        let admission = Admission::register(&mut registry);
        let lifecycle = Lifecycle::register(&mut registry, build);
        let database = Database::register(&mut registry);
        registry.register_collector(Box::new(lifecycle.clone()));
        registry.register_collector(Box::new(ProcessCollector { process }));
        Self { registry, http, admission, lifecycle, database }
    }

    /// The registry, for families that only some services have.
    pub(crate) fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The exposition in OpenMetrics text.
    ///
    /// # Errors
    /// Only if a label value cannot be formatted, which no label of ours can cause.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut body = String::new();
        text::encode(&mut body, &self.registry)?;
        Ok(body)
    }
}

pub(crate) fn register<M: prometheus_client::registry::Metric + Clone>(
    registry: &mut Registry,
    name: &Metric,
    family: M,
) -> M {
    registry.register(name.registered_name(), name.help, family.clone());
    family
}

pub(crate) fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}

/// Labels of one answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Request {
    /// Upper-case method.
    pub http_request_method: String,
    /// Route template, or `unmatched`.
    pub http_route: String,
    /// Status code.
    pub http_response_status_code: u16,
}

/// Requests served and active.
#[derive(Debug, Clone)]
pub struct HttpServer {
    duration: Family<Request, Histogram, fn() -> Histogram>,
    active: Gauge,
}

impl HttpServer {
    fn register(registry: &mut Registry) -> Self {
        let duration = Family::new_with_constructor(durations as fn() -> Histogram);
        Self {
            duration: register(registry, &names::HTTP_REQUEST_DURATION, duration),
            active: register(registry, &names::HTTP_ACTIVE_REQUESTS, Gauge::default()),
        }
    }

    /// A request arrived.
    pub fn begin(&self) {
        self.active.inc();
    }

    /// A request that began is gone, answered or not.
    pub fn end(&self) {
        self.active.dec();
    }

    /// A request was answered after `took`.
    pub fn served(&self, request: &Request, took: Duration) {
        self.duration.get_or_create(request).observe(took.as_secs_f64());
    }
}

/// Labels of one offered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Offered {
    /// Route template, or `unmatched`.
    pub route: String,
    /// Priority class.
    pub priority: &'static str,
}

/// Labels of one rejected request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Rejected {
    /// `shed`, `deadline`, and at the gateway `rate_limit` or `breaker`.
    pub reason: &'static str,
    /// Priority class.
    pub priority: &'static str,
}

/// Demand before, at and after the door.
#[derive(Debug, Clone)]
pub struct Admission {
    offered: Family<Offered, Counter>,
    rejected: Family<Rejected, Counter>,
    wait: Histogram,
    limit: Gauge,
    inflight: Gauge,
}

impl Admission {
    fn register(registry: &mut Registry) -> Self {
        Self {
            offered: register(registry, &names::REQUESTS_OFFERED, Family::default()),
            rejected: register(registry, &names::REQUESTS_REJECTED, Family::default()),
            wait: register(registry, &names::ADMISSION_QUEUE_WAIT, durations()),
            limit: register(registry, &names::CONCURRENCY_LIMIT, Gauge::default()),
            inflight: register(registry, &names::CONCURRENCY_INFLIGHT, Gauge::default()),
        }
    }

    /// A request arrived, whatever becomes of it.
    pub fn offered(&self, labels: &Offered) {
        self.offered.get_or_create(labels).inc();
    }

    /// Shows a reason with 0 from the start, so that its first occurrence is an increase.
    pub fn may_reject(&self, labels: &Rejected) {
        drop(self.rejected.get_or_create(labels));
    }

    /// A request was turned away.
    pub fn rejected(&self, labels: &Rejected) {
        self.rejected.get_or_create(labels).inc();
    }

    /// A request got its place after waiting.
    pub fn admitted(&self, waited: Duration) {
        self.wait.observe(waited.as_secs_f64());
        self.inflight.inc();
    }

    /// A request gave its place back.
    pub fn left(&self) {
        self.inflight.dec();
    }

    /// Places there are; counts above `i64::MAX` are shown as that.
    pub fn set_limit(&self, limit: usize) {
        self.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
    }
}

/// Which service and version runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// Name of the service in the multi-call binary.
    pub service_name: &'static str,
    /// Version of the binary.
    pub version: &'static str,
}

/// Start, readiness and drain of the process.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    startup: Arc<std::sync::OnceLock<Duration>>,
    drain: Arc<std::sync::Mutex<Option<Duration>>>,
    ready: Gauge,
}

impl Lifecycle {
    fn register(registry: &mut Registry, build: &Build) -> Self {
        let info: Family<Build, Gauge> = register(registry, &names::BUILD_INFO, Family::default());
        info.get_or_create(build).set(1);
        let ready = register(registry, &names::READY, Gauge::default());
        Self { startup: Arc::default(), drain: Arc::default(), ready }
    }

    /// Ready for the first time, `took` after the process started; later calls change nothing.
    pub fn started(&self, took: Duration) {
        let _ = self.startup.set(took);
    }

    /// Ready for traffic or not.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// The drain has lasted `so_far`.
    pub fn draining(&self, so_far: Duration) {
        *self.drain.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(so_far);
    }
}

/// Durations that are not known yet are absent, not zero.
impl Collector for Lifecycle {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let drain = *self.drain.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (name, value) in [(names::STARTUP_DURATION, self.startup.get().copied()), (names::DRAIN_DURATION, drain)] {
            if let Some(value) = value {
                gauge(&mut encoder, &name, value.as_secs_f64())?;
            }
        }
        Ok(())
    }
}

/// Labels of one database operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DatabaseOperation {
    /// Name of the statement, for example `select_product`.
    pub db_operation_name: &'static str,
    /// Class of the failure; empty on success.
    pub error_type: &'static str,
}

/// State of a pooled connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PoolState {
    /// `idle` or `used`.
    pub state: &'static str,
}

/// The database client.
#[derive(Debug, Clone)]
pub struct Database {
    duration: Family<DatabaseOperation, Histogram, fn() -> Histogram>,
    connections: Family<PoolState, Gauge>,
    pending: Gauge,
    wait: Histogram,
}

impl Database {
    fn register(registry: &mut Registry) -> Self {
        let duration = Family::new_with_constructor(durations as fn() -> Histogram);
        Self {
            duration: register(registry, &names::DB_OPERATION_DURATION, duration),
            connections: register(registry, &names::DB_CONNECTION_COUNT, Family::default()),
            pending: register(registry, &names::DB_CONNECTION_PENDING, Gauge::default()),
            wait: register(registry, &names::DB_CONNECTION_WAIT, durations()),
        }
    }

    /// An operation starts to wait for a connection.
    pub fn wait_begins(&self) {
        self.pending.inc();
    }

    /// An operation no longer waits, with a connection after `waited` or without one.
    pub fn wait_ends(&self, waited: Option<Duration>) {
        self.pending.dec();
        if let Some(waited) = waited {
            self.wait.observe(waited.as_secs_f64());
        }
    }

    /// An operation finished.
    pub fn operation(&self, labels: &DatabaseOperation, took: Duration) {
        self.duration.get_or_create(labels).observe(took.as_secs_f64());
    }

    /// Connections open now.
    pub fn connections(&self, idle: usize, used: usize) {
        for (state, count) in [("idle", idle), ("used", used)] {
            self.connections.get_or_create(&PoolState { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// Where CPU time and memory of the process are read; asked at each scrape.
pub trait Process: fmt::Debug + Send + Sync + 'static {
    /// User and system CPU time, or `None` where the system does not tell.
    fn cpu(&self) -> Option<Duration>;
    /// Resident memory in bytes, or `None` where the system does not tell.
    fn resident_bytes(&self) -> Option<u64>;
}

#[derive(Debug)]
struct ProcessCollector<P> {
    process: P,
}

impl<P: Process> Collector for ProcessCollector<P> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(cpu) = self.process.cpu() {
            let counter = ConstCounter::new(cpu.as_secs_f64());
            let name = &names::PROCESS_CPU;
            let entry = encoder.encode_descriptor(name.registered_name(), name.help, None, counter.metric_type())?;
            counter.encode(entry)?;
        }
        if let Some(bytes) = self.process.resident_bytes() {
            gauge(&mut encoder, &names::PROCESS_MEMORY, bytes as f64)?;
        }
        Ok(())
    }
}

pub(crate) fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &Metric, value: f64) -> Result<(), fmt::Error> {
    let gauge: ConstGauge<f64> = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name.registered_name(), name.help, None, gauge.metric_type())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed;
    impl Process for Fixed {
        fn cpu(&self) -> Option<Duration> {
            Some(Duration::from_millis(1250))
        }
        fn resident_bytes(&self) -> Option<u64> {
            None
        }
    }

    fn metrics() -> ShopMetrics {
        ShopMetrics::new(&Build { service_name: "catalog", version: "1.2.3" }, Fixed)
    }

    #[test]
    fn renders_names_as_declared() {
        let m = metrics();
        m.admission.offered(&Offered { route: "/v1/products".into(), priority: "normal" });
        m.http.served(
            &Request {
                http_request_method: "GET".into(),
                http_route: "/v1/products".into(),
                http_response_status_code: 200,
            },
            Duration::from_millis(3),
        );
        let text = m.render().unwrap();
        assert!(text.contains(r#"shop_requests_offered_total{route="/v1/products",priority="normal"} 1"#), "{text}");
        assert!(
            text.contains(
                r#"http_server_request_duration_seconds_bucket{le="0.005",http_request_method="GET",http_route="/v1/products",http_response_status_code="200"} 1"#
            ),
            "{text}"
        );
        assert!(text.contains("process_cpu_seconds_total 1.25"), "{text}");
        assert!(text.contains(r#"shop_build_info{service_name="catalog",version="1.2.3"} 1"#), "{text}");
    }

    #[test]
    fn leaves_out_what_is_not_known_instead_of_showing_zero() {
        let m = metrics();
        let text = m.render().unwrap();
        assert!(!text.contains("shop_startup_duration_seconds"), "{text}");
        assert!(!text.contains("process_resident_memory_bytes"), "{text}");
        m.lifecycle.started(Duration::from_millis(80));
        m.lifecycle.started(Duration::from_millis(90));
        assert!(m.render().unwrap().contains("shop_startup_duration_seconds 0.08"));
    }
}
