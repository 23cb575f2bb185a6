//! One service of the shop as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use test_kit::{Client, KitError, Process, free_address, scratch_folder, wait_for};
use tokio::time::{Instant, sleep};

use crate::wiring::Wiring;

/// Longest that a service may take to become ready: a machine that compiles meanwhile is slow.
const READY: Duration = Duration::from_mins(2);
/// Longest that a service may take to end by itself.
const ENDS: Duration = Duration::from_mins(1);

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch<'a> {
    /// The program `shop`.
    pub program: &'a Path,
    /// Which service, or `psp-sim`.
    pub name: &'a str,
    /// Address of its API.
    pub address: SocketAddr,
    /// URL of its own database, where it has one.
    pub database: Option<String>,
    /// Further flags; they count before what the wiring says.
    pub flags: Vec<String>,
}

/// A service that answers; killed when dropped.
#[derive(Debug)]
pub struct Service {
    /// Sends requests to its API.
    pub client: Client,
    /// Address of its API.
    pub address: SocketAddr,
    admin: Client,
    program: PathBuf,
    folder: PathBuf,
    name: String,
    database: Option<String>,
    words: Vec<String>,
    told: Vec<(String, String)>,
    process: Process,
}

impl Service {
    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    /// [`KitError::Ended`] or [`KitError::NotReady`] with the log's end; where a certificate cannot be used.
    pub async fn start(launch: Launch<'_>, wiring: &Wiring) -> anyhow::Result<Self> {
        let Launch { program, name, address, database, flags } = launch;
        let folder = scratch_folder(name)?;
        let admin = free_address()?;
        let mut words = vec![name.to_owned()];
        if name != "psp-sim" {
            words.extend(["serve".to_owned(), format!("--admin-listen={admin}")]);
        }
        words.push(format!("--listen={address}"));
        words.extend(flags);
        let mut told = wiring.told(name);
        told.extend(database.iter().map(|url| ("SHOP_DATABASE_URL".to_owned(), url.clone())));
        let process = spawn(program, &folder, name, &words, &told)?;
        let (client, admin) = (wiring.client(name, address)?, Client::new(format!("http://{admin}"))?);
        let (program, name) = (program.to_owned(), name.to_owned());
        let mut service = Self { client, address, admin, program, folder, name, database, words, told, process };
        service.becomes_ready().await?;
        Ok(service)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// [`KitError::Ended`] or [`KitError::NotReady`] with the log's end.
    pub async fn becomes_ready(&mut self) -> Result<(), KitError> {
        let (asked, path) = self.door();
        let is_ready = async || asked.send("GET", path, &[], None).await.is_ok_and(|answer| answer.status == 200);
        wait_for(&mut self.process, READY, is_ready).await
    }

    /// Whom to ask whether it is ready, and for what.
    fn door(&self) -> (Client, &'static str) {
        match self.name.as_str() {
            "psp-sim" => (self.client.clone(), "/sim/books"),
            _ => (self.admin.clone(), "/readyz"),
        }
    }

    /// Which service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it logs.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// URL of its database; empty where it has none.
    pub fn database(&self) -> String {
        self.database.clone().unwrap_or_default()
    }

    /// Its exposition.
    ///
    /// # Errors
    /// [`KitError::Http`] where it does not answer.
    pub async fn metrics(&self) -> Result<String, KitError> {
        Ok(self.admin.send("GET", "/metrics", &[], None).await?.text())
    }

    /// Sends it a signal: `STOP`, `CONT`.
    ///
    /// # Errors
    /// [`KitError::Command`] where it has ended.
    pub async fn signal(&self, name: &str) -> Result<(), KitError> {
        self.process.signal(name).await
    }

    /// Asks it to end, and kills it where it has not after `limit`.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] where it had to be killed.
    pub async fn stop(&mut self, limit: Duration) -> Result<(), KitError> {
        self.process.stop("TERM", limit).await
    }

    /// Ends it as kill -9 does.
    ///
    /// # Errors
    /// [`KitError::Io`] if the system refuses.
    pub fn kill(&mut self) -> Result<(), KitError> {
        self.process.kill()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// [`KitError::Io`] if the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, KitError> {
        self.process.ended()
    }

    /// Waits until it ended by itself.
    ///
    /// # Errors
    /// [`KitError::StillRuns`] after a minute.
    pub async fn ends(&mut self) -> Result<ExitStatus, KitError> {
        self.process.ends(ENDS).await
    }

    /// Starts it again as it was, and returns how long it took from there until it was ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn starts_again(&mut self) -> Result<Duration, KitError> {
        let since = Instant::now();
        self.process = spawn(&self.program, &self.folder, &self.name, &self.words, &self.told)?;
        let (asked, path) = self.door();
        // Looked at so often that starts can be told apart.
        while !asked.send("GET", path, &[], None).await.is_ok_and(|answer| answer.status == 200) {
            if since.elapsed() > READY {
                self.becomes_ready().await?;
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(since.elapsed())
    }

    /// Starts it again as it was, without the flags that begin like `flag`, and waits until it is ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive_without(&mut self, flag: &str) -> Result<(), KitError> {
        self.words.retain(|word| !word.starts_with(flag));
        self.revive().await
    }

    /// Starts it again as it was, and waits until it is ready.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive(&mut self) -> Result<(), KitError> {
        self.process = spawn(&self.program, &self.folder, &self.name, &self.words, &self.told)?;
        self.becomes_ready().await
    }
}

fn spawn(
    program: &Path,
    folder: &Path,
    name: &str,
    words: &[String],
    told: &[(String, String)],
) -> Result<Process, KitError> {
    let (args, env) = (words.to_vec(), told.to_vec());
    Process::start(&test_kit::Launch { name, program, args, folder, user: None, env })
}
