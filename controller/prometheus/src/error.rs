//! What can go wrong between us and Prometheus, by name.

use std::path::PathBuf;
use std::time::Duration;

/// A query, or the client itself, that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The client cannot be built.
    #[error("cannot make a client for Prometheus at {url}: {problem}")]
    Client {
        /// The configured address.
        url: String,
        /// What is wrong with it, and what would pass.
        problem: String,
    },
    /// A configured file cannot be read.
    #[error("cannot read {what} {}: a readable file would pass", path.display())]
    File {
        /// Bearer token file or CA file.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No connection, or it broke.
    #[error("cannot ask Prometheus for {query}")]
    Connection {
        /// The query, shortened.
        query: String,
        /// What broke.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No whole answer in time.
    #[error("Prometheus did not answer {query} within {} ms", limit.as_millis())]
    Deadline {
        /// The query, shortened.
        query: String,
        /// The limit.
        limit: Duration,
    },
    /// The answer is too long.
    #[error("the answer to {query} is longer than {limit} bytes: a narrower query or a higher limit would pass")]
    TooLarge {
        /// The query, shortened.
        query: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// An HTTP status that is not the API's.
    #[error("Prometheus answered {query} with HTTP status {status}")]
    Status {
        /// The query, shortened.
        query: String,
        /// The status code.
        status: u16,
    },
    /// Bytes that are no answer of the API.
    #[error("the answer to {query} is not of the Prometheus API: {problem}")]
    Malformed {
        /// The query, shortened.
        query: String,
        /// Where it stops making sense.
        problem: String,
    },
    /// The server refuses or aborts the query, in its own words.
    #[error("Prometheus refused {query}: {message}")]
    Refused {
        /// The query, shortened.
        query: String,
        /// The server's words.
        message: String,
    },
    /// A service's own query yields more than one series.
    #[error("{query} yields {count} series: a query that yields one, such as sum(...), would pass")]
    Ambiguous {
        /// The query, shortened.
        query: String,
        /// Series in the answer.
        count: usize,
    },
    /// The range cannot be asked for.
    #[error("cannot ask for the history of {query}: {problem}")]
    Range {
        /// The query, shortened.
        query: String,
        /// What is wrong, and what would pass.
        problem: String,
    },
}

impl QueryError {
    /// Stable label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Client { .. } => "client",
            Self::File { .. } => "file",
            Self::Connection { .. } => "connection",
            Self::Deadline { .. } => "deadline",
            Self::TooLarge { .. } => "too_large",
            Self::Status { .. } => "status",
            Self::Malformed { .. } => "malformed",
            Self::Refused { .. } => "refused",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Range { .. } => "range",
        }
    }

    /// Whether the same query may pass later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Deadline { .. } | Self::Malformed { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Client { .. }
            | Self::File { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Ambiguous { .. }
            | Self::Range { .. } => false,
        }
    }
}
