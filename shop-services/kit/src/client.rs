//! Where a request comes from: the other end of the connection, or what the proxies in front of it said.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::server::Caller;

/// Header that each proxy appends its client to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The connection's other end, and who was forwarded for.
#[derive(Debug, Clone)]
pub struct Origin {
    peer: Option<IpAddr>,
    forwarded: Vec<String>,
}

impl Origin {
    /// The client's network, when `hops` proxies of ours stand in front: only what they appended is believed, for a
    /// client can write the rest itself. Of IPv6 the first 64 bits count, which one client has to itself.
    pub fn network(&self, hops: usize) -> IpAddr {
        let said = hops.checked_sub(1).and_then(|skipped| self.forwarded.iter().rev().nth(skipped));
        let said = said.and_then(|text| text.parse().ok()).or(self.peer);
        match said.map(|address: IpAddr| address.to_canonical()) {
            Some(IpAddr::V6(v6)) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Some(v4) => v4,
            None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    fn of(peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let forwarded = lines.flat_map(|line| line.split(',')).map(|entry| entry.trim().to_owned()).collect();
        Self { peer, forwarded }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Caller>().map(|caller| caller.address.ip());
        Ok(Self::of(peer, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(lines: &[&str], hops: usize) -> String {
        let headers = lines.iter().map(|line| (http::HeaderName::from_static(FORWARDED_FOR), line.parse().unwrap()));
        Origin::of(Some("10.0.0.9".parse().unwrap()), &headers.collect()).network(hops).to_string()
    }

    #[test]
    fn only_what_our_own_proxies_appended_is_believed() {
        let said = ["6.6.6.6, 1.1.1.1", "2.2.2.2"];
        assert_eq!(network(&said, 0), "10.0.0.9");
        assert_eq!(network(&said, 1), "2.2.2.2");
        assert_eq!(network(&said, 2), "1.1.1.1");
        assert_eq!(network(&said, 4), "10.0.0.9", "fewer entries than proxies: somebody came around them");
        assert_eq!(network(&["unknown"], 1), "10.0.0.9");
        assert_eq!(network(&["::ffff:1.2.3.4"], 1), "1.2.3.4");
        assert_eq!(network(&["2001:db8:1:2:3:4:5:6"], 1), "2001:db8:1:2::");
    }
}
