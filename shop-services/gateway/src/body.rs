//! Bodies on their way through: a request's may be sent elsewhere while nobody has seen any of it, an answer's holds
//! its place until its end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::{Sleep, sleep};

use crate::endpoint::Lease;
use crate::proxy::Place;

/// The body of a request; clones are the same body.
#[derive(Debug, Clone)]
pub struct RequestBody {
    inner: Arc<Mutex<Body>>,
    state: Arc<State>,
    size: SizeHint,
    empty: bool,
    left: u64,
}

#[derive(Debug, Default)]
struct State {
    touched: AtomicBool,
    too_long: AtomicBool,
    broken: AtomicBool,
    sent: AtomicBool,
}

/// A body cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// Longer than it may be.
    #[error("the body is longer than it may be")]
    TooLong,
    /// The service stopped in the middle of its answer.
    #[error("the answer did not go on for {0:?}")]
    Stalled(Duration),
}

impl RequestBody {
    /// A body of at most `longest` bytes.
    pub fn new(body: Body, longest: usize) -> Self {
        let (size, empty) = (body.size_hint(), body.is_end_stream());
        let left = u64::try_from(longest).unwrap_or(u64::MAX);
        Self { inner: Arc::new(Mutex::new(body)), state: Arc::default(), size, empty, left }
    }

    /// Whether nobody has seen any of it, so that it can be sent to another.
    pub fn is_whole(&self) -> bool {
        !self.state.touched.load(Ordering::Relaxed)
    }

    /// Whether it was longer than it may be.
    pub fn was_too_long(&self) -> bool {
        self.state.too_long.load(Ordering::Relaxed)
    }

    /// Whether the service was sent all of it, as far as the client let us.
    pub fn was_sent(&self) -> bool {
        self.empty || self.state.sent.load(Ordering::Relaxed)
    }

    /// Whether the client did not send all of it.
    pub fn was_broken(&self) -> bool {
        self.state.broken.load(Ordering::Relaxed)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        this.state.touched.store(true, Ordering::Relaxed);
        let (polled, ended) = {
            let mut inner = this.inner.lock().unwrap_or_else(PoisonError::into_inner);
            (Pin::new(&mut *inner).poll_frame(cx), inner.is_end_stream())
        };
        this.state.sent.store(ended, Ordering::Relaxed);
        match ready!(polled) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                let Some(left) = this.left.checked_sub(length) else {
                    this.state.too_long.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(BodyError::TooLong.into())));
                };
                this.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                this.state.broken.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                this.state.sent.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.empty
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// The body of an answer, with the request's place at the service, and an end to waiting.
#[derive(Debug)]
pub struct AnswerBody {
    inner: Incoming,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    _held: (Lease, Place),
}

impl AnswerBody {
    /// A body that may pause for `patience`.
    pub fn new(inner: Incoming, patience: Duration, lease: Lease, place: Place) -> Self {
        Self { inner, patience, waiting: None, _held: (lease, place) }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        // Only the service is waited for here: a client that reads slowly does not ask for the next frame.
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep(this.patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::Stalled(this.patience).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
