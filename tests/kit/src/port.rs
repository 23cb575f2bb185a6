//! Free loopback ports.

use std::net::TcpListener;

use crate::KitError;

/// As many different free ports on 127.0.0.1 as asked for: all are held at once before any is given back.
///
/// Another process may take one before the server binds it; then the server ends and says so, and starting is
/// tried again with other ports.
pub(crate) fn free<const N: usize>() -> Result<[u16; N], KitError> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(KitError::io("find a free port on 127.0.0.1"))?;
        *port = listener.local_addr().map_err(KitError::io("read the address of a free port"))?.port();
        held.push(listener);
    }
    Ok(ports)
}
