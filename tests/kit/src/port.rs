//! Loopback ports that stay free for one server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpSocket;

use crate::KitError;

/// A loopback address that nobody listens to, kept until this test process ends.
///
/// A server that a test starts may bind and listen to it, end, and do so again; nobody else is given it in between,
/// so a test never talks to another test's server. The kernel lets a listener share an address with a socket that
/// does not listen where both set `SO_REUSEADDR`, as servers do, and gives it to no one who asks for any port.
///
/// # Errors
/// [`KitError::Io`] where there is no free port.
pub fn free_address() -> Result<SocketAddr, KitError> {
    static KEPT: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());
    let finding = || KitError::io("find a free port on 127.0.0.1");
    let socket = TcpSocket::new_v4().map_err(finding())?;
    socket.set_reuseaddr(true).map_err(finding())?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).map_err(finding())?;
    let address = socket.local_addr().map_err(finding())?;
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    Ok(address)
}

/// As many different free ports on 127.0.0.1 as asked for, as [`free_address`] keeps them.
pub(crate) fn free<const N: usize>() -> Result<[u16; N], KitError> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free_address()?.port();
    }
    Ok(ports)
}
