//! How messages leave the shop: posted to a sink, or written down where none is configured.

use shop_contracts::notifications::AttemptOutcome;
use shop_kit::peer::{Peer, PeerError};
use shop_metrics::Calls;

use crate::config::SinkConfig;
use crate::message::Claimed;

/// Where messages go; clones share its connections.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Nowhere: nobody gets them.
    Log,
    /// To whoever knows how to reach customers.
    Sink(Peer),
}

/// How an attempt ended, and what went wrong where something did.
pub type Ended = (AttemptOutcome, Option<String>);

impl Transport {
    /// As it is configured.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(config: SinkConfig, metrics: Calls) -> Result<Self, PeerError> {
        let SinkConfig { sink_url, sink_token, call_timeout } = config;
        let Some(url) = sink_url else {
            tracing::warn!("no sink is configured: messages are written down, and nobody gets them");
            return Ok(Self::Log);
        };
        let peer = Peer::new("sink", &url, call_timeout, metrics)?;
        Ok(Self::Sink(match sink_token {
            None => peer,
            Some(token) => peer.with_token(token),
        }))
    }

    /// Tries to deliver a message. It may be tried again after any outcome: the sink knows it by its id.
    pub async fn deliver(&self, message: &Claimed) -> Ended {
        let (peer, delivery) = match (self, &message.delivery) {
            (Self::Log, _) => {
                tracing::info!(notification = %message.id, "a message is written down, and nobody gets it");
                return (AttemptOutcome::Logged, None);
            }
            (Self::Sink(_), None) => {
                return (AttemptOutcome::Unknown, Some("it is not known yet whose the order is".to_owned()));
            }
            (Self::Sink(peer), Some(delivery)) => (peer, delivery),
        };
        match peer.hand("", &message.id.to_string(), Some(delivery)).await {
            Ok((status, _)) => heard(status.as_u16()),
            Err(error) => (AttemptOutcome::Unknown, Some(error.to_string())),
        }
    }
}

/// What a status says: only a client error that no later attempt can change is a refusal.
fn heard(status: u16) -> Ended {
    match status {
        200..300 => (AttemptOutcome::Delivered, None),
        // That we are not let in is a fault of the configuration, which somebody may correct.
        401 | 403 | 408 | 409 | 425 | 429 => (AttemptOutcome::Unknown, Some(format!("the sink answered {status}"))),
        400..500 => (AttemptOutcome::Refused, Some(format!("the sink answered {status}"))),
        _ => (AttemptOutcome::Unknown, Some(format!("the sink answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_later_attempt_can_change_is_a_refusal() {
        assert_eq!(heard(204), (AttemptOutcome::Delivered, None));
        assert!([400, 404, 410, 422].iter().all(|status| heard(*status).0 == AttemptOutcome::Refused));
        for status in [301, 401, 403, 408, 409, 429, 500, 503] {
            assert_eq!(heard(status).0, AttemptOutcome::Unknown, "{status}");
        }
    }
}
