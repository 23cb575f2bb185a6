//! Who answers a call: a certificate of one of our authorities, with the name of the service that was meant.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Checks that the callee is one service and no other. The address counts for nothing: pods are called by theirs, which
/// no certificate knows.
#[derive(Debug)]
pub(super) struct Callee {
    name: String,
    namespace: Arc<str>,
    authorities: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Callee {
    pub(super) fn new(
        name: &str,
        namespace: Arc<str>,
        authorities: Arc<RootCertStore>,
        provider: &CryptoProvider,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { name: name.to_owned(), namespace, authorities, algorithms }
    }
}

/// The name behind the namespace in the one URI of a certificate; with several or none it is nobody's.
pub(super) fn name_in(certificate: &CertificateDer<'_>, namespace: &str) -> Option<String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut uris = parsed.valid_uri_names();
    let (uri, None) = (uris.next()?, uris.next()) else { return None };
    let name = uri.strip_prefix(namespace)?;
    (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
}

impl ServerCertVerifier for Callee {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.authorities, intermediates, now, algorithms)?;
        match name_in(end_entity, &self.namespace) {
            Some(name) if name == self.name => Ok(ServerCertVerified::assertion()),
            _ => Err(Error::InvalidCertificate(CertificateError::NotValidForName)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(uris: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_names_one_service_of_ours_or_nobody() {
        let name = |uris: &[&str]| name_in(&certificate(uris), "spiffe://shop/");
        assert_eq!(name(&["spiffe://shop/orders"]).as_deref(), Some("orders"));
        for nobody in [
            &[][..],
            &["spiffe://shop/orders", "spiffe://shop/cart"],
            &["spiffe://other/orders"],
            &["spiffe://shop/"],
            &["spiffe://shop/elsewhere/orders"],
        ] {
            assert_eq!(name(nobody), None, "{nobody:?}");
        }
        assert_eq!(name_in(&CertificateDer::from(vec![1, 2, 3]), "spiffe://shop/"), None);
    }
}
