//! Services that know each other by their certificates: what each shows, whom it believes, and how that changes
//! without dropping anybody.
//!
//! A service's name stands in its certificate as a URI, as SPIFFE asks, and a callee is known by that name, not by the
//! address it answers at. Files are read again when they change: new connections use what is there now, old ones go on.
//!
//! **Source**: SPIFFE X.509-SVID; TLS 1.3 (RFC 8446).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::duration;
use crate::server::Certificates;
use crate::watched::{FileError, Watched, stays};

mod callee;

use callee::Callee;

/// Certificates between services: all three files, or none and everything in the clear.
#[derive(Debug, Clone, Args)]
pub struct MutualConfig {
    /// File with this service's certificate chain in PEM, its own first; with it, services speak TLS with each other,
    /// and each shows who it is.
    #[arg(long, env = "SHOP_PEER_CERTIFICATE", requires_all = ["peer_key", "peer_authorities"])]
    pub peer_certificate: Option<PathBuf>,
    /// File with the certificate's private key in PEM.
    #[arg(long, env = "SHOP_PEER_KEY", requires = "peer_certificate")]
    pub peer_key: Option<PathBuf>,
    /// File with the authorities that sign services' certificates, in PEM; two while one follows the other.
    #[arg(long, env = "SHOP_PEER_AUTHORITIES", requires = "peer_certificate")]
    pub peer_authorities: Option<PathBuf>,
    /// What stands before a service's name in the URI of its certificate.
    #[arg(long, env = "SHOP_PEER_NAMESPACE", default_value = "spiffe://shop/")]
    pub peer_namespace: String,
    /// Services that may call this one; without any, nobody may.
    #[arg(long, env = "SHOP_PEER_CALLERS", value_delimiter = ',')]
    pub peer_callers: Vec<String>,
    /// Pause between two looks at the files.
    #[arg(long, env = "SHOP_PEER_WATCH_PERIOD", default_value = "10s", value_parser = duration)]
    pub peer_watch_period: Duration,
}

/// Certificates that cannot be used.
#[derive(Debug, Error)]
pub enum MutualError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not PEM.
    #[error("{what} in PEM cannot be read")]
    Pem {
        /// Of what.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// They do not belong together, or are not usable for TLS.
    #[error("the certificate between services and its key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// There is no authority, or one that is none.
    #[error("the authorities between services cannot be used: is each a certificate in PEM?")]
    Authorities(#[source] rustls::Error),
    /// Nobody can be checked with them.
    #[error("there is no authority between services: put at least one into the file")]
    NoAuthority(#[source] VerifierBuilderError),
}

/// What is shown and believed now; clones are the same.
#[derive(Debug, Clone)]
pub struct Credentials {
    namespace: Arc<str>,
    callers: Arc<[String]>,
    current: watch::Receiver<Arc<Material>>,
    served: Certificates,
}

/// What was read from the files at one time.
#[derive(Debug)]
pub struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: Arc<RootCertStore>,
    served: Arc<ServerConfig>,
    /// What calls to each service begin with.
    toward: Mutex<BTreeMap<String, Arc<ClientConfig>>>,
}

impl Credentials {
    /// Reads the files and follows them until `stop`; `None` where no files are named.
    ///
    /// # Errors
    /// Where they cannot be read or used; later, such files change nothing.
    pub async fn follow(config: &MutualConfig, stop: CancellationToken) -> Result<Option<Self>, MutualError> {
        let MutualConfig { peer_certificate, peer_key, peer_authorities, .. } = config;
        let (Some(chain), Some(key), Some(authorities)) = (peer_certificate, peer_key, peer_authorities) else {
            return Ok(None);
        };
        let files = Watched::read(vec![chain.clone(), key.clone(), authorities.clone()]).await?;
        let first = Material::read(files.contents())?;
        let (serve, served) = watch::channel(Arc::clone(&first.served));
        let (change, current) = watch::channel(Arc::new(first));
        let changed = move |contents: &[Vec<u8>]| match Material::read(contents) {
            Ok(now) => {
                tracing::info!("certificates between services changed");
                serve.send_replace(Arc::clone(&now.served));
                change.send_replace(Arc::new(now));
            }
            // Where one half of a pair is written first, both stay as they were until the other is.
            Err(error) => stays(&error),
        };
        tokio::spawn(files.follow(config.peer_watch_period, stop, changed));
        let (namespace, callers) = (config.peer_namespace.as_str().into(), config.peer_callers.clone().into());
        Ok(Some(Self { namespace, callers, current, served }))
    }

    /// What new connections to this service are encrypted with; they are made with a certificate or not at all.
    pub fn served(&self) -> Certificates {
        self.served.clone()
    }

    /// What was read last; another one says that it changed.
    pub fn current(&self) -> Arc<Material> {
        Arc::clone(&self.current.borrow())
    }

    /// What a new connection to the service `name` is encrypted with: it must be that service.
    ///
    /// # Errors
    /// Where TLS does not take our certificate.
    pub fn toward(&self, name: &str) -> Result<Arc<ClientConfig>, MutualError> {
        self.current().toward(name, &self.namespace)
    }

    /// The service that a certificate names; `None` where it names none of ours.
    pub fn name_in(&self, certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
        callee::name_in(certificate, &self.namespace).map(Arc::from)
    }

    /// Whether the service `name` may call this one.
    pub fn may_call(&self, name: &str) -> bool {
        self.callers.iter().any(|caller| caller == name)
    }

    /// Who may call this one, in words.
    pub fn callers(&self) -> String {
        self.callers.join(", ")
    }
}

impl Material {
    fn read(contents: &[Vec<u8>]) -> Result<Self, MutualError> {
        let [chain, key, authorities] = contents else { return Err(no_authority()) };
        let chain = certificates(chain, "the certificate between services")?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|source| MutualError::Pem { what: "the key between services", source })?;
        let mut store = RootCertStore::empty();
        for authority in certificates(authorities, "the authorities between services")? {
            store.add(authority).map_err(MutualError::Authorities)?;
        }
        let authorities = Arc::new(store);
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&authorities), Arc::clone(&provider));
        let verifier = verifier.build().map_err(MutualError::NoAuthority)?;
        let served = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(MutualError::Pair)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(MutualError::Pair)?;
        Ok(Self { chain, key, authorities, served: Arc::new(served), toward: Mutex::default() })
    }

    fn toward(&self, name: &str, namespace: &Arc<str>) -> Result<Arc<ClientConfig>, MutualError> {
        let mut known = self.toward.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(name) {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(default_provider());
        let callee = Callee::new(name, Arc::clone(namespace), Arc::clone(&self.authorities), &provider);
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(MutualError::Pair)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(callee))
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(MutualError::Pair)?;
        let config = Arc::new(config);
        known.insert(name.to_owned(), Arc::clone(&config));
        Ok(config)
    }
}

fn certificates(text: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, MutualError> {
    let read: Result<_, _> = CertificateDer::pem_slice_iter(text).collect();
    read.map_err(|source| MutualError::Pem { what, source })
}

fn no_authority() -> MutualError {
    MutualError::NoAuthority(VerifierBuilderError::NoRootAnchors)
}
