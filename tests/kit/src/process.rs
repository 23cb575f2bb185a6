//! A server process that ends with its handle and with the test process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::KitError;

/// A running server; dropped, it is killed and waited for.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// What to start.
pub(crate) struct Launch<'a> {
    /// How the server is called in messages and in its log's file name.
    pub(crate) name: &'a str,
    /// Its program.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// The folder that takes its log, and is its working folder.
    pub(crate) folder: &'a Path,
    /// The user to run as, where it must not be root.
    pub(crate) user: Option<&'a str>,
}

impl Process {
    /// Starts a server with both output streams in `folder/name.log`.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self, KitError> {
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
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command)
            .map_err(KitError::io(format!("start {} (setpriv is in Debian's util-linux)", launch.program.display())))?;
        Ok(Self { name: launch.name.to_owned(), child, log })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server as `kill -9` does and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), KitError> {
        let failed = || KitError::io(format!("kill {} ({})", self.name, self.child.id()));
        let failure = failed();
        self.child.kill().and_then(|()| self.child.wait()).map_err(failure)?;
        Ok(())
    }

    /// An error if the server has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), KitError> {
        match self.child.try_wait().map_err(KitError::io(format!("look at {}", self.name)))? {
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
