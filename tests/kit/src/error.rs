//! What can go wrong while a real part is started or spoken to.

use std::path::PathBuf;

/// A failure of the test kit: it names the operation, its object, and where there is one the cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KitError {
    /// A program that the tests need is not on this machine.
    #[error("{part} is missing: run `{cure}` and try again")]
    Missing {
        /// The program.
        part: String,
        /// The command that builds or installs it.
        cure: String,
    },
    /// A file or process operation failed.
    #[error("cannot {doing}")]
    Io {
        /// Operation and object, as in "write /tmp/x".
        doing: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A server ended before it was ready.
    #[error("{name} ended with {status} before it was ready; the end of {log}:\n{tail}")]
    Ended {
        /// The server.
        name: String,
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A server did not become ready in time.
    #[error("{name} was not ready after {seconds} s; the end of {log}:\n{tail}")]
    NotReady {
        /// The server.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A server did not end in time.
    #[error("{name} still ran {seconds} s after it was to end; its log: {log}")]
    StillRuns {
        /// The server.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// A command that was run to its end failed.
    #[error("`{command}` failed with {status}:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// What it printed on both streams.
        output: String,
    },
    /// An HTTP request to a real part failed.
    #[error("{doing}")]
    Http {
        /// Operation and object.
        doing: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// A real part answered with something that is not an answer.
    #[error("{doing}: {answer}")]
    Answer {
        /// Operation and object.
        doing: String,
        /// The answer.
        answer: String,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {subject}")]
    Certificate {
        /// The common name.
        subject: String,
        /// What rcgen said.
        #[source]
        source: rcgen::Error,
    },
    /// A Kubernetes client could not be made, or its request failed.
    #[error("cannot {doing}")]
    Kube {
        /// Operation and object.
        doing: String,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },
    /// A kubeconfig is not usable.
    #[error("cannot use the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What the client said.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
}

impl KitError {
    /// Wraps a system error with the operation that met it: `map_err(KitError::io("read the log"))`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// Wraps an HTTP error with the operation that met it.
    pub(crate) fn http(doing: impl Into<String>) -> impl FnOnce(reqwest::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Http { doing, source }
    }

    /// Wraps a Kubernetes client error with the operation that met it.
    pub(crate) fn kube(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Kube { doing, source: Box::new(source) }
    }
}
