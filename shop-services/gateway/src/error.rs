//! Why the gateway cannot start or finish.

use shop_kit::ServeError;
use shop_kit::peer::PeerError;
use shop_kit::watched::FileError;
use thiserror::Error;

use crate::registry::RegistryError;
use crate::table::TableError;
use crate::tls::TlsError;

/// The gateway cannot start, serve or finish.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The routes are wrong.
    #[error("the routes cannot be used")]
    Table(#[from] TableError),
    /// The registry of endpoints is wrong.
    #[error("the endpoints cannot be used")]
    Registry(#[from] RegistryError),
    /// The certificate or its key is wrong.
    #[error("TLS cannot be offered")]
    Tls(#[from] TlsError),
    /// The cluster cannot be asked.
    #[error("the endpoints of namespace {namespace} cannot be followed: is the kubeconfig right?")]
    Cluster {
        /// Which.
        namespace: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The service that signs tokens cannot be called.
    #[error("the gateway cannot ask for the keys that check tokens")]
    Peer(#[from] PeerError),
    /// The server failed.
    #[error("the gateway cannot serve")]
    Serve(#[from] ServeError),
}
