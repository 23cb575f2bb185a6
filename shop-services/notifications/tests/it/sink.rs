//! A sink that does as a test tells it, and remembers what it was handed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

/// What was handed over: the key, the token and the message.
pub(crate) type Handed = (String, String, Value);

/// A sink on a free port.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    address: SocketAddr,
    handed: Arc<Mutex<Vec<Handed>>>,
    status: Arc<Mutex<u16>>,
}

impl Sink {
    /// One that answers with this status.
    pub(crate) async fn open(status: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sink =
            Self { address: listener.local_addr()?, handed: Arc::default(), status: Arc::new(Mutex::new(status)) };
        let routes = Router::new().route("/messages", post(take)).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(sink)
    }

    /// The flag that says where it is.
    pub(crate) fn flag(&self) -> String {
        format!("--sink-url=http://{}/messages", self.address)
    }

    /// Answers with this status from now on.
    pub(crate) fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// What it was handed so far.
    pub(crate) fn handed(&self) -> Vec<Handed> {
        self.handed.lock().unwrap().clone()
    }
}

async fn take(State(sink): State<Sink>, headers: HeaderMap, axum::Json(message): axum::Json<Value>) -> StatusCode {
    let header = |name: &str| headers.get(name).map_or_else(String::new, |v| v.to_str().unwrap().to_owned());
    sink.handed.lock().unwrap().push((header("idempotency-key"), header("authorization"), message));
    StatusCode::from_u16(*sink.status.lock().unwrap()).unwrap()
}
