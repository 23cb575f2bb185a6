//! One pod's own counters, read from the pod itself: seconds old where Prometheus' are a scrape and a window old.

use std::net::SocketAddr;
use std::time::Duration;

use crate::QueryError;
use crate::preset::pod_counters::{IN_FLIGHT, OFFERED, SERVED};

/// Longest time for one pod.
const PATIENCE: Duration = Duration::from_millis(800);
/// Bytes of an exposition, at most.
const MOST: usize = 4 << 20;

/// Header by which a pod is told whether it is in service.
const IN_SERVICE: &str = "presale-in-service";

/// What a pod says of its requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PodCounters {
    /// Requests that ever arrived, whatever became of them. Starts anew with the process.
    pub offered: f64,
    /// Requests at work now.
    pub in_flight: f64,
}

/// Reads pods over plain HTTP, as Prometheus does.
#[derive(Debug, Clone)]
pub struct PodScraper {
    http: reqwest::Client,
}

/// A pod cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// It does not answer, or breaks off.
    #[error("read http://{address}/metrics: {source}")]
    Connection {
        /// The pod's address.
        address: SocketAddr,
        /// What the transport said.
        #[source]
        source: reqwest::Error,
    },
    /// It answers with an error.
    #[error("read http://{address}/metrics: it answers with status {status}")]
    Status {
        /// The pod's address.
        address: SocketAddr,
        /// Of HTTP.
        status: u16,
    },
    /// Its answer is longer than any exposition should be.
    #[error("read http://{address}/metrics: more than {MOST} bytes")]
    TooLarge {
        /// The pod's address.
        address: SocketAddr,
    },
    /// It tells nothing of its requests.
    #[error(
        "read http://{address}/metrics: no {missing} in it; the pods of a service with a warm reserve export \
         shop_requests_offered_total (or http_server_request_duration_seconds) and http_server_active_requests"
    )]
    Missing {
        /// The pod's address.
        address: SocketAddr,
        /// The family that is not there.
        missing: &'static str,
    },
}

impl PodScraper {
    /// Prepares connections; opens none.
    ///
    /// # Errors
    /// [`QueryError::Client`] where the TLS library cannot be set up, which pods do not need but the client insists on.
    pub fn new() -> Result<Self, QueryError> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| QueryError::Client { url: "http://POD/metrics".to_owned(), problem: e.to_string() })?;
        Ok(Self { http })
    }

    /// Reads one pod, and tells it whether it is in service: one that is cut off ends the connections that callers keep to
    /// it, which lets it fall quiet.
    ///
    /// # Errors
    /// [`ScrapeError`]; nothing is then known of the pod, which is not the same as no requests.
    pub async fn read(&self, address: SocketAddr, in_service: bool) -> Result<PodCounters, ScrapeError> {
        let failed = |source| ScrapeError::Connection { address, source };
        let request = self.http.get(format!("http://{address}/metrics"));
        let request = request.header(IN_SERVICE, if in_service { "true" } else { "false" });
        let mut response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(ScrapeError::Status { address, status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MOST {
                return Err(ScrapeError::TooLarge { address });
            }
            body.extend_from_slice(&chunk);
        }
        counters(&String::from_utf8_lossy(&body)).map_err(|missing| ScrapeError::Missing { address, missing })
    }
}

/// The counters in an exposition; the name of the family that is missing.
fn counters(text: &str) -> Result<PodCounters, &'static str> {
    let offered = sum(text, OFFERED).or_else(|| sum(text, SERVED)).ok_or(OFFERED)?;
    let in_flight = sum(text, IN_FLIGHT).ok_or(IN_FLIGHT)?;
    Ok(PodCounters { offered, in_flight })
}

/// Sum over all series of that name; `None` where there is none. A value that is no number is not counted.
///
/// **Source**: Prometheus text format 0.0.4 and `OpenMetrics` 1.0: `name{labels} value [timestamp]`.
fn sum(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = match rest.as_bytes().first()? {
            b'{' => &rest[rest.rfind('}')? + 1..],
            b' ' | b'\t' => rest,
            _ => return None,
        };
        rest.split_whitespace().next()?.parse::<f64>().ok().filter(|value| value.is_finite())
    });
    let (count, total) = values.fold((0, 0.0), |(count, total), value| (count + 1, total + value));
    (count > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_over_all_routes_and_nothing_else() {
        let text = "# HELP shop_requests_offered Requests\n# TYPE shop_requests_offered counter\n\
            shop_requests_offered_total{route=\"/a {x}\",priority=\"high\"} 12 1700000000.1\n\
            shop_requests_offered_total{route=\"/b\",priority=\"low\"} 3\n\
            shop_requests_offered_total_more 99\n\
            http_server_active_requests 2\n# EOF\n";
        assert_eq!(counters(text), Ok(PodCounters { offered: 15.0, in_flight: 2.0 }));
    }

    #[test]
    fn a_pod_that_tells_nothing_is_not_idle() {
        assert_eq!(counters("http_server_active_requests 0\n"), Err(OFFERED));
        assert_eq!(counters("shop_requests_offered_total 4\n"), Err(IN_FLIGHT));
        let served =
            "http_server_request_duration_seconds_count{http_route=\"/\"} 7\nhttp_server_active_requests NaN\n";
        assert_eq!(counters(served), Err(IN_FLIGHT));
    }
}
