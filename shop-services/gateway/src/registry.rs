//! Endpoints from a file, for use outside of a cluster: `catalog = ["127.0.0.1:8081", "127.0.0.1:8082"]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::Utf8Error;

use thiserror::Error;

use crate::directory::{Place, Places};

/// The registry is not understood.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// Not text.
    #[error("the registry is not UTF-8")]
    Text(#[from] Utf8Error),
    /// Not what it should be.
    #[error("the registry is no list of addresses for each service; write for example catalog = [\"127.0.0.1:8081\"]")]
    Toml(#[from] Box<toml::de::Error>),
}

/// Reads it.
///
/// # Errors
/// Where it is not TOML, or a value is no list of addresses with ports.
pub fn parse(content: &[u8]) -> Result<Places, RegistryError> {
    let services: BTreeMap<String, Vec<SocketAddr>> =
        toml::from_str(std::str::from_utf8(content)?).map_err(Box::new)?;
    let place = |address| Place { port: None, address };
    Ok(services.into_iter().map(|(name, addresses)| (name, addresses.into_iter().map(place).collect())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_by_service_and_refuses_the_rest() {
        let places = parse(b"catalog = [\"127.0.0.1:1\", \"[::1]:2\"]\ncart = []\n").unwrap();
        assert_eq!((places["catalog"].len(), places["cart"].len()), (2, 0));
        for wrong in [&b"catalog = \"127.0.0.1:1\""[..], b"catalog = [\"localhost\"]", b"\xff", b"catalog"] {
            assert!(parse(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
