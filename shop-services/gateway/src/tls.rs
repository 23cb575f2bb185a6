//! The certificate that the gateway shows, changed without dropping a connection.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// What is offered to clients, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate or key that cannot be shown.
#[derive(Debug, Error)]
pub enum TlsError {
    /// Not a chain of certificates.
    #[error("the certificate is not a chain in PEM, the server's own first")]
    Certificate(#[source] pem::Error),
    /// Not a key.
    #[error("the key is not a private key in PEM")]
    Key(#[source] pem::Error),
    /// They do not belong together, or are not usable for TLS.
    #[error("certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, with this chain and key.
///
/// # Errors
/// Where they are not PEM or do not belong together.
pub fn offered(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}
