//! What a Service of Kubernetes does: a new connection goes to one replica after the other, an established one stays
//! where it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The one address of a service with several replicas; gone when dropped.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    replicas: Arc<Mutex<Vec<SocketAddr>>>,
    accepting: JoinHandle<()>,
}

impl Front {
    /// One with no replica.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, replicas) = (listener.local_addr()?, Arc::<Mutex<Vec<SocketAddr>>>::default());
        let known = Arc::clone(&replicas);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let chosen = {
                    let mut replicas = known.lock().unwrap_or_else(PoisonError::into_inner);
                    let first = replicas.first().copied();
                    if first.is_some() {
                        replicas.rotate_left(1);
                    }
                    first
                };
                let Some(chosen) = chosen else { continue };
                tokio::spawn(async move {
                    if let Ok(mut replica) = TcpStream::connect(chosen).await {
                        // How a connection ends is its two ends' business.
                        let _ = copy_bidirectional(&mut client, &mut replica).await;
                    }
                });
            }
        });
        Ok(Self { address, replicas, accepting })
    }

    /// Another replica.
    pub(crate) fn also(&self, replica: SocketAddr) {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner).push(replica);
    }

    /// No new connection goes there any more.
    pub(crate) fn without(&self, replica: SocketAddr) {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| *one != replica);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
