//! The client behind a peer: one for good, or one that is made anew whenever the certificates have changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::redirect::Policy;
use thiserror::Error;

use crate::mutual::{Credentials, Material, MutualError};

/// A client cannot be made with our certificate.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The certificate cannot be used.
    #[error(transparent)]
    Mutual(#[from] MutualError),
    /// No client can be made with it.
    #[error("no client can be made with the certificate between services")]
    Client(#[from] reqwest::Error),
}

/// Makes clients; clones share the one there is.
#[derive(Debug, Clone)]
pub(super) enum Http {
    /// As the URL says, shown nothing.
    Plain(reqwest::Client),
    /// To one service, shown who calls.
    Mutual(Arc<Mutual>),
}

#[derive(Debug)]
pub(super) struct Mutual {
    credentials: Credentials,
    callee: String,
    timeout: Duration,
    made: Mutex<(Arc<Material>, reqwest::Client)>,
}

impl Http {
    pub(super) fn plain(timeout: Duration) -> Result<Self, reqwest::Error> {
        builder(timeout).build().map(Self::Plain)
    }

    pub(super) fn mutual(credentials: Credentials, callee: &str, timeout: Duration) -> Result<Self, HttpError> {
        let made = Mutex::new((credentials.current(), encrypted(&credentials, callee, timeout)?));
        Ok(Self::Mutual(Arc::new(Mutual { credentials, callee: callee.to_owned(), timeout, made })))
    }

    /// The client for the next call. Calls at work keep the client, and so the connection, that they have.
    pub(super) fn client(&self) -> reqwest::Client {
        match self {
            Self::Plain(client) => client.clone(),
            Self::Mutual(mutual) => mutual.client(),
        }
    }
}

impl Mutual {
    fn client(&self) -> reqwest::Client {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.credentials.current();
        if !Arc::ptr_eq(&current, &made.0) {
            match encrypted(&self.credentials, &self.callee, self.timeout) {
                Ok(client) => *made = (current, client),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the old certificate is shown"),
            }
        }
        made.1.clone()
    }
}

fn encrypted(credentials: &Credentials, callee: &str, timeout: Duration) -> Result<reqwest::Client, HttpError> {
    let tls = credentials.toward(callee)?;
    Ok(builder(timeout).tls_backend_preconfigured((*tls).clone()).build()?)
}

/// Redirects are not followed: nobody but the configured address is spoken to.
fn builder(timeout: Duration) -> ClientBuilder {
    reqwest::Client::builder().timeout(timeout).no_proxy().redirect(Policy::none())
}
