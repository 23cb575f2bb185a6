//! JSON logs with trace ids, and W3C trace context from request to log line, exported by OTLP where configured.

use std::collections::HashMap;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use thiserror::Error;
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::TelemetryConfig;
use crate::peer;

/// Logs and traces of a running process; stop it last, so that the last spans are sent.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Telemetry cannot start.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The log filter does not parse.
    #[error("log filter {filter:?} is not understood; write for example info,sqlx=warn")]
    Filter {
        /// What was configured.
        filter: String,
        /// What the parser said.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter cannot be built.
    #[error("traces cannot be exported to {endpoint:?}; write for example http://127.0.0.1:4318")]
    Exporter {
        /// What was configured.
        endpoint: String,
        /// What the exporter said.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// Another subscriber is installed already.
    #[error("logs are already being written by another subscriber of this process")]
    Installed(#[source] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Installs the process-wide subscriber: JSON lines on stderr, spans with W3C ids.
    ///
    /// # Errors
    /// Where the filter or the endpoint is not understood, or a subscriber is installed already.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::try_new(&config.log)
            .map_err(|source| TelemetryError::Filter { filter: config.log.clone(), source })?;
        let provider = provider(service, config.otlp_endpoint.as_deref())?;
        let logs = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr);
        // Who looks at a trace asks how long a span took, not which thread polled it how often: that costs at every poll.
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        tracing_subscriber::registry()
            .with(filter)
            .with(logs)
            .with(spans)
            .try_init()
            .map_err(TelemetryError::Installed)?;
        Ok(Self { provider })
    }

    /// Sends what is not sent yet; blocks for at most the exporter's timeout.
    pub fn stop(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "some spans were not exported");
        }
    }
}

fn provider(service: &'static str, endpoint: Option<&str>) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    let Some(endpoint) = endpoint else { return Ok(builder.build()) };
    peer::install_tls_provider();
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(url)
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint: endpoint.to_owned(), source })?;
    Ok(builder.with_batch_exporter(exporter).build())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|v| v.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// The span of one request: a child of the caller's `traceparent` where it sent one, with its ids as log fields.
///
/// **Source**: W3C Trace Context.
pub fn request_span(headers: &HeaderMap, method: &http::Method, route: &str) -> Span {
    let span = info_span!(
        "request",
        otel.kind = "server",
        http.request.method = %method,
        http.route = route,
        trace_id = Empty,
        span_id = Empty,
    );
    join(&span, &TraceContextPropagator::new().extract(&Headers(headers)));
    span
}

/// Says in the trace of a request how it was answered; a log line that needs it says so itself.
pub fn answered(span: &Span, status: http::StatusCode) {
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
}

/// The span of one event at work: a child of the request that caused it, through the broker.
pub fn message_span(kind: &str, traceparent: Option<&str>) -> Span {
    let span = info_span!(
        "event",
        otel.kind = "consumer",
        messaging.operation.name = kind,
        trace_id = Empty,
        span_id = Empty,
    );
    let carried = traceparent.map(|parent| HashMap::from([("traceparent".to_owned(), parent.to_owned())]));
    join(&span, &TraceContextPropagator::new().extract(&carried.unwrap_or_default()));
    span
}

/// Makes `span` a child of `parent` where that is a trace, and shows its ids.
fn join(span: &Span, parent: &opentelemetry::Context) {
    if parent.span().span_context().is_valid() {
        // Without the OpenTelemetry layer (unit tests) there is no trace to join.
        let _ = span.set_parent(parent.clone());
    }
    let context = span.context();
    let ids = context.span().span_context().clone();
    if ids.is_valid() {
        // In one go: the log's layer reads and writes all of a span's fields anew for each.
        tracing::record_all!(span, trace_id = %ids.trace_id(), span_id = %ids.span_id());
    }
}

/// The `traceparent` under which the current span's consequences continue; `None` outside of any trace.
///
/// **Source**: W3C Trace Context.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove("traceparent")
}

/// Trace id of the current span, as a client may quote it; `None` outside of any trace.
pub fn current_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_lines_carry_the_trace_id_of_the_caller() {
        let lines = Lines::default();
        let provider = provider("test", None).unwrap();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer({
                let lines = lines.clone();
                move || lines.clone()
            }))
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("traceparent"),
            format!("00-{trace}-b7ad6b7169203331-01").parse().unwrap(),
        )]);
        tracing::subscriber::with_default(subscriber, || {
            let _entered = request_span(&headers, &http::Method::GET, "/v1/things").entered();
            tracing::info!("worked");
            assert_eq!(current_trace_id().as_deref(), Some(trace));
            let onward = current_traceparent().unwrap();
            let _event = message_span("thing.made", Some(&onward)).entered();
            assert_eq!(current_trace_id().as_deref(), Some(trace), "the broker carries it on");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["message"], "worked");
        assert_eq!(line["span"]["trace_id"], trace);
    }
}
