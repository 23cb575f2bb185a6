//! The provider's API: operations by key, and the program of its misbehaviour.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use clap::Args;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use shop_contracts::psp::{OperationKind, PspNotice, PspOutcome, PspRequest};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::book::{Book, NotDone};
use crate::notice::Notifier;
use crate::program::{Program, Spoiled};

/// Settings of the provider.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address of its API.
    #[arg(long, env = "PSP_LISTEN", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Where notices go, for example `http://127.0.0.1:8085/v1/webhooks/psp`.
    #[arg(long, env = "PSP_NOTICE_URL")]
    pub notice_url: http::Uri,
    /// Secret that signs notices.
    #[arg(long, env = "PSP_NOTICE_SECRET", hide_env_values = true)]
    pub notice_secret: String,
    /// File of its books, so that they outlive the process; without it they do not.
    #[arg(long, env = "PSP_BOOKS", value_name = "FILE")]
    pub books: Option<PathBuf>,
}

/// The provider cannot serve.
#[derive(Debug, Error)]
pub enum PspError {
    /// Its address is taken or not its own.
    #[error("the provider cannot listen on {address}: is the port free and the address of this host?")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Its books cannot be opened.
    #[error("the provider cannot open its books {}: is it a file of its own, and may it write to it?", file.display())]
    Books {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

#[derive(Debug, Clone)]
struct Provider {
    book: Arc<Mutex<Book>>,
    program: Arc<Mutex<Program>>,
    notifier: Notifier,
}

/// Serves until the stop signal.
///
/// # Errors
/// Where the address cannot be bound or the books not be opened.
pub async fn run(config: Config, clock: fn() -> Timestamp, stop: CancellationToken) -> Result<(), PspError> {
    let Config { listen, notice_url, notice_secret, books: file } = config;
    let book = file.map_or_else(
        || Ok(Book::default()),
        |file| Book::kept_in(&file).map_err(|source| PspError::Books { file, source }),
    )?;
    let provider = Provider {
        book: Arc::new(Mutex::new(book)),
        program: Arc::default(),
        notifier: Notifier::new(notice_url, &notice_secret, clock),
    };
    let routes = Router::new()
        .route("/v1/operations", post(execute))
        .route("/v1/operations/{key}", get(find))
        .route("/sim/program", put(set_program))
        .route("/sim/books", get(books))
        .with_state(provider);
    let failed = |source| PspError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(failed)
}

async fn execute(State(provider): State<Provider>, Json(request): Json<PspRequest>) -> Response {
    let (program, declines, spoiled) = {
        let mut program = lock(&provider.program);
        let declines = program.declines(request.kind);
        (program.clone(), declines, program.spoils())
    };
    let executed = lock(&provider.book).execute(&request, declines);
    let outcome = match executed {
        Ok(outcome) => outcome,
        Err(NotDone::Mismatch) => {
            return (StatusCode::CONFLICT, "the key was used for another operation").into_response();
        }
        Err(NotDone::Unwritten) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    notify(&provider, &program, &outcome).await;
    sleep(Duration::from_millis(program.latency_ms)).await;
    answer(outcome, spoiled)
}

async fn find(State(provider): State<Provider>, Path(key): Path<String>) -> Response {
    let latency = lock(&provider.program).latency_ms;
    sleep(Duration::from_millis(latency)).await;
    let found = lock(&provider.book).find(&key);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |outcome| Json(outcome).into_response())
}

async fn set_program(State(provider): State<Provider>, Json(program): Json<Program>) -> StatusCode {
    *lock(&provider.program) = program;
    StatusCode::NO_CONTENT
}

async fn books(State(provider): State<Provider>) -> Response {
    let book = lock(&provider.book);
    let counts: serde_json::Map<_, _> =
        OperationKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), json!(book.count(kind)))).collect();
    Json(json!({"balance": book.balance(), "succeeded": counts})).into_response()
}

/// Sends the copies of a notice; without a delay the first goes before the answer.
async fn notify(provider: &Provider, program: &Program, outcome: &PspOutcome) {
    let notice = PspNotice { id: format!("evt-{}", outcome.key), outcome: outcome.clone() };
    let mut copies = program.notices;
    if copies > 0 && program.notice_delay_ms == 0 {
        provider.notifier.deliver(&notice).await;
        copies -= 1;
    }
    let (notifier, delay) = (provider.notifier.clone(), Duration::from_millis(program.notice_delay_ms));
    for _ in 0..copies {
        let (notifier, notice) = (notifier.clone(), notice.clone());
        tokio::spawn(async move {
            sleep(delay).await;
            notifier.deliver(&notice).await;
        });
    }
}

fn answer(mut outcome: PspOutcome, spoiled: Option<Spoiled>) -> Response {
    match spoiled {
        None => Json(outcome).into_response(),
        Some(Spoiled::WrongAmount) => {
            outcome.amount.amount += 1;
            Json(outcome).into_response()
        }
        Some(Spoiled::Oversize) => Json(json!({"padding": "x".repeat(1 << 20)})).into_response(),
        Some(Spoiled::Malformed) => "<html>".into_response(),
        // The head goes out, the body never comes to its end.
        Some(Spoiled::Lost) => {
            let cut: [Result<Bytes, std::io::Error>; 2] =
                [Ok(Bytes::from_static(b"{")), Err(std::io::ErrorKind::ConnectionReset.into())];
            Body::from_stream(futures::stream::iter(cut)).into_response()
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
