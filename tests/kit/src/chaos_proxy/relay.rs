//! Passing bytes both ways, late or not at all, until a side ends or the fault asks for the end.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Fault;

/// Both directions at once; when one ends the whole connection does.
pub(super) async fn both_ways(client: TcpStream, upstream: TcpStream, faults: watch::Receiver<Fault>) {
    let (from_client, to_client) = client.into_split();
    let (from_upstream, to_upstream) = upstream.into_split();
    let ended = async {
        tokio::select! {
            ended = pass(from_client, to_upstream, faults.clone()) => ended,
            ended = pass(from_upstream, to_client, faults.clone()) => ended,
        }
    };
    tokio::select! {
        _ = ended => {}
        () = closed_by_fault(faults.clone()) => {}
    }
}

/// Returns once a fault is set that ends open connections, or the proxy is gone.
async fn closed_by_fault(mut faults: watch::Receiver<Fault>) {
    let ends = |fault: &Fault| matches!(fault, Fault::Cut | Fault::Status(_) | Fault::Truncate(_));
    // An error says that the proxy is gone: the connection ends then, too.
    let _ = faults.wait_for(ends).await;
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<Fault>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let fault = *faults.borrow_and_update();
        match fault {
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::HalfOpen => {
                let passes = faults.wait_for(|fault| *fault != Fault::HalfOpen).await;
                passes.map_err(|_| std::io::Error::other("the proxy is gone"))?;
            }
            Fault::None | Fault::Cut | Fault::Status(_) | Fault::Truncate(_) => {}
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
