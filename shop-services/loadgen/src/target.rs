//! Where load may go: named targets on this machine's loopback, nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// A named address that receives the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name in records and metrics.
    pub name: String,
    /// Address within 127.0.0.0/8.
    pub address: SocketAddr,
}

/// A target is not understood or not allowed.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Not NAME=http://ADDRESS:PORT.
    #[error("target {0:?} is not understood: write http://127.0.0.1:30080, or NAME=http://127.0.0.1:30080")]
    Form(String),
    /// Not on this machine.
    #[error("target {0:?} is refused: load is sent only to addresses in 127.0.0.0/8, written as numbers")]
    NotLoopback(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let form = || TargetError::Form(text.to_owned());
        let (name, url) = text.split_once("=http").map_or(("target", text), |(n, _)| (n, &text[n.len() + 1..]));
        let authority = url.strip_prefix("http://").ok_or_else(form)?.trim_end_matches('/');
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !named || authority.contains(['/', '@', '?', '#']) {
            return Err(form());
        }
        let address: SocketAddr = authority.parse().map_err(|_| match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                TargetError::NotLoopback(text.to_owned())
            }
            _ => form(),
        })?;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ok(Self { name: name.to_owned(), address }),
            _ => Err(TargetError::NotLoopback(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_loopback_addresses_with_or_without_a_name() {
        let target: Target = "A=http://127.0.0.1:30080".parse().unwrap();
        assert_eq!((target.name.as_str(), target.address.port()), ("A", 30080));
        assert_eq!("http://127.9.8.7:80/".parse::<Target>().unwrap().name, "target");
    }

    #[test]
    fn refuses_every_other_address_and_says_so() {
        for text in [
            "http://10.0.0.1:80",
            "A=http://example.com:80",
            "http://localhost:80",
            "http://[::1]:80",
            "http://0.0.0.0:80",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert_eq!(error, TargetError::NotLoopback(text.to_owned()));
            assert!(error.to_string().contains("127.0.0.0/8"));
        }
        for text in [
            "",
            "127.0.0.1:80",
            "https://127.0.0.1:80",
            "http://127.0.0.1",
            "http://a@127.0.0.1:80",
            "a b=http://127.0.0.1:1",
        ] {
            assert!(matches!(text.parse::<Target>(), Err(TargetError::Form(_))), "{text}");
        }
    }
}
