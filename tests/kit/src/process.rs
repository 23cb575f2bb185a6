//! A server process that ends with its handle and with the test process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::KitError;

/// How often a process is looked at while its end is waited for.
const POLL: Duration = Duration::from_millis(20);

/// A running server; dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// How the server is called in messages and in its log's file name.
    pub name: &'a str,
    /// Its program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder that takes its log, and is its working folder.
    pub folder: &'a Path,
    /// The user to run as, where it must not be root.
    pub user: Option<&'a str>,
    /// Environment variables beside those of this process: what shall not be seen in a list of processes.
    pub env: Vec<(String, String)>,
}

impl Process {
    /// Starts a server with both output streams in `folder/name.log`.
    ///
    /// # Errors
    /// [`KitError::Io`] if its log cannot be opened or its program not be started.
    pub fn start(launch: &Launch<'_>) -> Result<Self, KitError> {
        let log = launch.folder.join(format!("{}.log", launch.name));
        let opening = |stream| KitError::io(format!("open {stream} {}", log.display()));
        let out = File::options().create(true).append(true).open(&log).map_err(opening("the log"))?;
        let err = out.try_clone().map_err(opening("a second time"))?;
        // setpriv asks the kernel to kill the server when its parent dies, then becomes the server.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(user) = launch.user {
            command.args(["--reuid", user, "--regid", user, "--init-groups"]);
        }
        command.arg("--").arg(launch.program).args(&launch.args).current_dir(launch.folder);
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command)
            .map_err(KitError::io(format!("start {} (setpriv is in Debian's util-linux)", launch.program.display())))?;
        Ok(Self { name: launch.name.to_owned(), child, log })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log, both output streams.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends it a signal by its name: `TERM`, `STOP`, `CONT`.
    ///
    /// # Errors
    /// [`KitError::Command`] where it has ended.
    pub async fn signal(&self, name: &str) -> Result<(), KitError> {
        let mut kill = tokio::process::Command::new("kill");
        crate::command::run(kill.args([&format!("-{name}"), &self.id().to_string()])).await.map(drop)
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// [`KitError::Io`] if the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, KitError> {
        self.child.try_wait().map_err(KitError::io(format!("look at {}", self.name)))
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] after `limit`.
    pub async fn ends(&mut self, limit: Duration) -> Result<ExitStatus, KitError> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if since.elapsed() > limit {
                return Err(KitError::StillRuns {
                    name: self.name.clone(),
                    seconds: limit.as_secs(),
                    log: self.log.clone(),
                });
            }
            sleep(POLL).await;
        }
    }

    /// Asks it to end with this signal, and kills it where it has not after `limit`.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] where it had to be killed.
    pub async fn stop(&mut self, signal: &str, limit: Duration) -> Result<(), KitError> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        // It may end by itself in this moment.
        let _ = self.signal(signal).await;
        let outcome = self.ends(limit).await;
        self.kill()?;
        outcome.map(drop)
    }

    /// Kills the server as `kill -9` does and waits until it is gone.
    ///
    /// # Errors
    /// [`KitError::Io`] if the system refuses.
    pub fn kill(&mut self) -> Result<(), KitError> {
        let failed = || KitError::io(format!("kill {} ({})", self.name, self.child.id()));
        let failure = failed();
        self.child.kill().and_then(|()| self.child.wait()).map_err(failure)?;
        Ok(())
    }

    /// An error if the server has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), KitError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(KitError::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                log: self.log.clone(),
                tail: self.tail(),
            }),
        }
    }

    /// The error that says it was not ready in time.
    pub(crate) fn not_ready(&self, seconds: u64) -> KitError {
        KitError::NotReady { name: self.name.clone(), seconds, log: self.log.clone(), tail: self.tail() }
    }

    /// The last lines of the log.
    fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _ = self.kill();
    }
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Starts a process from a thread that never ends: the kernel's "parent dies" means the *thread* that started the
/// child, and a test's thread ends with the test while a shared server must go on.
fn spawn(command: Command) -> std::io::Result<Child> {
    static ORDERS: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    let (answer, reply) = channel();
    let orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    orders.send((command, answer)).map_err(|_| gone())?;
    drop(orders);
    reply.recv().map_err(|_| gone())?
}
