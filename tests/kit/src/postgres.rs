//! A real PostgreSQL cluster in a temporary folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::{Mutex, OnceCell};

use crate::command::run;
use crate::process::{Launch, Process};
use crate::{KitError, assets, port, ready, scratch};

const LIMIT: Duration = Duration::from_mins(1);
/// Longest that an ending server is waited for.
const STOPS: Duration = Duration::from_secs(10);
/// Starts after a kill.
const STARTS: u32 = 8;
/// Who comes in how: the superuser from this machine, everybody else with a password.
const ACCESS: &str = "\
local all postgres trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
";

/// A PostgreSQL server on a free loopback port; its superuser is `postgres`, without a password.
///
/// Run by root it runs as Debian's user `postgres`, for the server refuses root.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let postgres = test_kit::Postgres::shared().await?; // one per test binary
/// let url = postgres.database().await?;               // one empty database per test
/// println!("{url}"); // postgres://postgres@127.0.0.1:PORT/test_1
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    process: Mutex<Process>,
}

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

impl Postgres {
    /// The one server of this test binary.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn shared() -> Result<&'static Self, KitError> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// Makes a cluster and starts a server of its own; it ends when the handle is dropped.
    ///
    /// # Errors
    /// [`KitError::Missing`] if the Debian package is not installed; [`KitError::Command`] if initdb fails;
    /// [`KitError::Ended`] or [`KitError::NotReady`] with the log's end if the server would not start.
    pub async fn start() -> Result<Self, KitError> {
        let folder = scratch::folder("postgres")?;
        let user = server_user()?;
        if let Some(user) = user {
            std::os::unix::fs::chown(
                &folder,
                Some(user_number("-u", user).await?),
                Some(user_number("-g", user).await?),
            )
            .map_err(KitError::io(format!("give {} to {user}", folder.display())))?;
        }
        initialize(&folder, user).await?;
        let [port] = port::free()?;
        let process = serve(port, &folder, user).await?;
        Ok(Self { folder, port, databases: AtomicU32::new(0), process: Mutex::new(process) })
    }

    /// The connection URL of the superuser's database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Creates an empty database for one test and returns its connection URL.
    ///
    /// # Errors
    /// [`KitError::Command`] with what psql said.
    pub async fn database(&self) -> Result<String, KitError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        psql(self.port, &format!("create database {name}")).await?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }

    /// Creates a database and the one who owns it, both of this name, and returns the owner's connection URL.
    ///
    /// Nobody else may connect to it but the superuser. `password` is letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// [`KitError::Command`] with what psql said.
    pub async fn owned(&self, name: &str, password: &str) -> Result<String, KitError> {
        psql(self.port, &format!("create role {name} login password '{password}'")).await?;
        psql(self.port, &format!("create database {name} owner {name}")).await?;
        psql(self.port, &format!("revoke all on database {name} from public")).await?;
        Ok(format!("postgres://{name}:{password}@127.0.0.1:{}/{name}", self.port))
    }

    /// Lets it end in order.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] where it had to be killed.
    pub async fn stop(&self) -> Result<(), KitError> {
        // Its "fast" shutdown: sessions are ended, nothing is left in shared memory.
        self.process.lock().await.stop("INT", STOPS).await
    }

    /// Kills the server as `kill -9` does; what was committed stays.
    ///
    /// # Errors
    /// [`KitError::Io`] if the process cannot be killed.
    pub async fn kill(&self) -> Result<(), KitError> {
        self.process.lock().await.kill()
    }

    /// Starts the server again on the same port and data, after [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive(&self) -> Result<(), KitError> {
        let mut process = self.process.lock().await;
        process.kill()?;
        for _ in 1..STARTS {
            match serve(self.port, &self.folder, server_user()?).await {
                // Sessions of the killed server hold its shared memory until they notice: once more, a little later.
                Err(KitError::Ended { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
                outcome => {
                    *process = outcome?;
                    return Ok(());
                }
            }
        }
        *process = serve(self.port, &self.folder, server_user()?).await?;
        Ok(())
    }
}

/// `postgres` when the tests run as root, else nobody else.
fn server_user() -> Result<Option<&'static str>, KitError> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").map_err(KitError::io("read who runs the tests from /proc/self"))?;
    Ok((own.uid() == 0).then_some("postgres"))
}

async fn user_number(flag: &str, user: &str) -> Result<u32, KitError> {
    let said = run(Command::new("id").args([flag, user])).await?;
    said.trim().parse().map_err(|_| KitError::Answer { doing: format!("read the id of user {user}"), answer: said })
}

async fn initialize(folder: &Path, user: Option<&str>) -> Result<(), KitError> {
    let initdb = assets::debian_binary("postgresql", "initdb")?;
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg("--").arg(initdb).arg("--pgdata").arg(folder.join("data")).current_dir(folder);
    command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    run(&mut command).await?;
    let access = folder.join("data/pg_hba.conf");
    std::fs::write(&access, ACCESS).map_err(KitError::io(format!("write {}", access.display())))
}

async fn serve(port: u16, folder: &Path, user: Option<&str>) -> Result<Process, KitError> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", folder.display()),
        "max_connections=300".to_owned(),
        "fsync=off".to_owned(), // a killed server loses nothing by it, only a killed machine would
        "full_page_writes=off".to_owned(),
    ];
    let mut args = vec!["-D".to_owned(), folder.join("data").display().to_string(), format!("-p{port}")];
    args.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    let program = assets::debian_binary("postgresql", "postgres")?;
    let mut process =
        Process::start(&Launch { name: "postgres", program: &program, args, folder, user, env: Vec::new() })?;
    ready::wait_for(&mut process, LIMIT, async || psql(port, "select 1").await.is_ok()).await?;
    Ok(process)
}

async fn psql(port: u16, statement: &str) -> Result<String, KitError> {
    let program = assets::debian_binary("postgresql", "psql")?;
    let mut command = Command::new(program);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
    command.args(["--host=127.0.0.1", "--username=postgres", "--dbname=postgres"]);
    command.arg(format!("--port={port}")).args(["--command", statement]);
    run(&mut command).await
}
