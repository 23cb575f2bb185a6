//! An address is one server's, also while that server is away.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, TcpStream};

use test_kit::free_address;

#[test]
fn an_address_stays_with_its_server_while_that_is_away() -> anyhow::Result<()> {
    let address = free_address()?;
    for _ in 0..3 {
        assert!(TcpStream::connect(address).is_err(), "nobody listens yet");
        let server = TcpListener::bind(address)?;
        let _client = TcpStream::connect(address)?;
        drop(server.accept()?);
    }
    let others: Vec<TcpListener> = (0..500).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let given: HashSet<SocketAddr> = others.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    assert!(!given.contains(&address), "given to somebody else");
    Ok(())
}
