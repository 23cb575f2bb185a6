//! A real nats-server with JetStream in a temporary folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::process::{Launch, Process};
use crate::{KitError, assets, port, ready, scratch};

const LIMIT: Duration = Duration::from_mins(1);
/// Longest that an ending server is waited for.
const STOPS: Duration = Duration::from_secs(10);
/// Longest that one probe of a starting server may take.
const PROBE: Duration = Duration::from_secs(2);

/// A NATS server on a free loopback port, JetStream on, its streams in a folder of its own.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let nats = test_kit::Nats::shared().await?; // one per test binary: tests need stream names of their own
/// println!("{}", nats.url());                 // nats://127.0.0.1:PORT
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Nats {
    folder: PathBuf,
    port: u16,
    process: Mutex<Process>,
}

static SHARED: OnceCell<Nats> = OnceCell::const_new();

impl Nats {
    /// The one server of this test binary.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn shared() -> Result<&'static Self, KitError> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// Starts a server of its own; it ends when the handle is dropped.
    ///
    /// # Errors
    /// [`KitError::Missing`] if `make tools` did not build it; [`KitError::Ended`] or [`KitError::NotReady`] with the
    /// log's end if it would not start.
    pub async fn start() -> Result<Self, KitError> {
        let folder = scratch::folder("nats")?;
        let [port] = port::free()?;
        let process = serve(port, &folder).await?;
        Ok(Self { folder, port, process: Mutex::new(process) })
    }

    /// The URL clients connect to.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server as `kill -9` does; what it acknowledged stays.
    ///
    /// # Errors
    /// [`KitError::Io`] if the process cannot be killed.
    pub async fn kill(&self) -> Result<(), KitError> {
        self.process.lock().await.kill()
    }

    /// Its process.
    pub async fn id(&self) -> u32 {
        self.process.lock().await.id()
    }

    /// Lets it end in order.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] where it had to be killed.
    pub async fn stop(&self) -> Result<(), KitError> {
        self.process.lock().await.stop("TERM", STOPS).await
    }

    /// Starts the server again on the same port and data, after [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive(&self) -> Result<(), KitError> {
        let mut process = self.process.lock().await;
        process.kill()?;
        *process = serve(self.port, &self.folder).await?;
        Ok(())
    }
}

async fn serve(port: u16, folder: &Path) -> Result<Process, KitError> {
    let args = vec![
        "--addr=127.0.0.1".to_owned(),
        format!("--port={port}"),
        "--jetstream".to_owned(),
        format!("--store_dir={}", folder.join("data").display()),
    ];
    let program = assets::tool("nats-server")?;
    let mut process =
        Process::start(&Launch { name: "nats-server", program: &program, args, folder, user: None, env: Vec::new() })?;
    ready::wait_for(&mut process, LIMIT, async || matches!(timeout(PROBE, has_jetstream(port)).await, Ok(Ok(true))))
        .await?;
    Ok(process)
}

/// Asks as any client would: the account information of JetStream, answered only once streams are recovered.
async fn has_jetstream(at: u16) -> std::io::Result<bool> {
    let mut server = TcpStream::connect(("127.0.0.1", at)).await?;
    server.write_all(b"CONNECT {\"verbose\":false}\r\nSUB ready 1\r\nPUB $JS.API.INFO ready 0\r\n\r\n").await?;
    let mut said = String::new();
    let mut part = [0; 4096];
    loop {
        let length = server.read(&mut part).await?;
        if length == 0 {
            return Ok(false);
        }
        said.push_str(&String::from_utf8_lossy(&part[..length]));
        if said.contains("account_info_response") && said.ends_with("\r\n") {
            return Ok(!said.contains("\"error\""));
        }
    }
}
