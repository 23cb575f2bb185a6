//! A running accounts on a database, its clients, its clock, and what the database holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_accounts::{AccountsError, Command};
use shop_kit::{Clock, World};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use test_kit::{Answer, Client, Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A broker that nobody listens to.
pub(crate) const NOWHERE: &str = "nats://127.0.0.1:1";
/// Master keys.
pub(crate) const FIRST: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
pub(crate) const SECOND: &str = "2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
/// What everybody's password is unless a test says otherwise.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Counts the lists of the signing keys.
const LOOKS: &str =
    r#"db_client_operation_duration_seconds_count{db_operation_name="select_signing_keys",error_type=""}"#;

#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

/// Goes on as time does, and further where a test says so; clones are the same.
#[derive(Clone)]
pub(crate) struct Time {
    began: Instant,
    ahead: Arc<AtomicI64>,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ahead: Arc::default() }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap();
        let micros = 1_800_000_000_000_000 + passed + self.ahead.load(Ordering::SeqCst);
        Timestamp::from_microsecond(micros).unwrap()
    }

    fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || time.now())
    }
}

/// One accounts; it stops when dropped.
pub(crate) struct Accounts {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) time: Time,
    stop: CancellationToken,
    task: JoinHandle<Result<(), AccountsError>>,
}

impl Drop for Accounts {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts accounts on an empty database and without a broker.
pub(crate) async fn start(flags: &[&str]) -> anyhow::Result<Accounts> {
    start_on(&Postgres::shared().await?.database().await?, NOWHERE, &Time::new(), flags).await
}

/// Does what the words say, in this time.
pub(crate) async fn run(words: &[&str], time: &Time, stop: CancellationToken) -> anyhow::Result<()> {
    let command = Flags::try_parse_from(std::iter::once(&"accounts").chain(words))?.command;
    let random = ChaCha8Rng::from_os_rng();
    let world = World { started: Instant::now(), stop, clock: time.clock(), random };
    Ok(shop_accounts::run(command, world).await?)
}

/// Starts accounts on this database and broker, in this time.
pub(crate) async fn start_on(database: &str, nats: &str, time: &Time, flags: &[&str]) -> anyhow::Result<Accounts> {
    let [public, admin] = [free_address()?, free_address()?];
    let mut words = vec!["accounts".to_owned(), "serve".to_owned()];
    words.extend([format!("--listen={public}"), format!("--admin-listen={admin}")]);
    words.extend([format!("--database-url={database}"), format!("--nats-url={nats}")]);
    let usual = [
        "--outbox-period=50ms",
        "--queue-limit=2000",
        "--queue-timeout=60s",
        "--request-timeout=60s",
        "--database-acquire-timeout=60s",
        "--drain-delay=0s",
        "--sweep-period=100ms",
        "--service-token=orders=orders-secret,gateway=gateway-secret,gateway=next-secret",
    ];
    words.extend(usual.iter().chain(flags).map(|flag| (*flag).to_owned()));
    for (flag, value) in [("--master-key", FIRST), ("--hash-queue", "1000"), ("--key-period", "100ms")] {
        if !flags.iter().any(|given| given.starts_with(flag)) {
            words.push(format!("{flag}={value}"));
        }
    }
    let command = Flags::try_parse_from(words)?.command;
    let stop = CancellationToken::new();
    let random = ChaCha8Rng::from_os_rng();
    let world = World { started: Instant::now(), stop: stop.clone(), clock: time.clock(), random };
    let task = tokio::spawn(shop_accounts::run(command, world));
    let url = format!("http://{public}");
    let (client, admin) = (Client::new(&*url)?, Client::new(format!("http://{admin}"))?);
    let (database, time) = (database.to_owned(), time.clone());
    let mut accounts = Accounts { client, admin, url, database, time, stop, task };
    accounts.wait_until_ready().await?;
    Ok(accounts)
}

/// The slug of a refusal with this status.
pub(crate) fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.problem().expect("a problem").0
}

/// Waits for up to two minutes.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(2), "after two minutes still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

/// Somebody with an account and a session.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: String,
    /// `Bearer TOKEN`.
    pub(crate) bearer: String,
    pub(crate) refresh: String,
}

impl Accounts {
    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..1_200 {
            if self.task.is_finished() {
                (&mut self.task).await?.context("accounts cannot start")?;
                bail!("accounts ended while it started");
            }
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("accounts was not ready within a minute")
    }

    /// Stops it and waits until it is drained.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok((&mut self.task).await??)
    }

    /// Sends a request without more headers than these.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.client.send(method, path, headers, body.map(Value::to_string).as_deref()).await.unwrap()
    }

    /// Opens an account.
    pub(crate) async fn open(&self, key: &str, email: &str, name: &str) -> Answer {
        let body = json!({"email": email, "name": name, "password": PASSWORD});
        self.send("POST", "/v1/accounts", &[("idempotency-key", key)], Some(&body)).await
    }

    /// Asks for a token.
    pub(crate) async fn ask(&self, body: &Value) -> Answer {
        self.send("POST", "/v1/auth/token", &[], Some(body)).await
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.ask(&json!({"grant_type": "password", "email": email, "password": password})).await
    }

    /// Exchanges a refresh token.
    pub(crate) async fn exchange(&self, token: &str) -> Answer {
        self.ask(&json!({"grant_type": "refresh_token", "refresh_token": token})).await
    }

    /// Somebody who has an account and is logged in.
    pub(crate) async fn person(&self, email: &str, name: &str) -> Person {
        static PEOPLE: AtomicI64 = AtomicI64::new(0);
        let key = format!("person-{}", PEOPLE.fetch_add(1, Ordering::Relaxed));
        let opened = self.open(&key, email, name).await;
        assert_eq!(opened.status, 201, "{}", opened.text());
        let logged_in = self.log_in(email, PASSWORD).await;
        assert_eq!(logged_in.status, 200, "{}", logged_in.text());
        let text = |answer: &Answer, field: &str| answer.json()[field].as_str().unwrap().to_owned();
        Person {
            email: email.to_owned(),
            id: text(&opened, "id"),
            bearer: format!("Bearer {}", text(&logged_in, "access_token")),
            refresh: text(&logged_in, "refresh_token"),
        }
    }

    /// Sends a request of somebody; `with` is one more header.
    pub(crate) async fn of(
        &self,
        person: &Person,
        request: (&str, &str),
        with: (&str, &str),
        body: Option<&Value>,
    ) -> Answer {
        let headers = [("authorization", person.bearer.as_str()), with];
        self.send(request.0, request.1, &headers, body).await
    }

    /// Reads what somebody may read.
    pub(crate) async fn read(&self, person: &Person, path: &str) -> Answer {
        self.of(person, ("GET", path), ("accept", "*/*"), None).await
    }

    /// Its exposition.
    pub(crate) async fn metrics(&self) -> String {
        self.admin.send("GET", "/metrics", &[], None).await.unwrap().text()
    }

    /// The value of one series of it, 0 where there is none yet.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until it has looked at its signing keys once more, from the beginning to the end.
    pub(crate) async fn looks_at_its_keys(&self) {
        let looks = self.metric(LOOKS).await;
        // Each look lists them twice.
        until("the keys were looked at", async || self.metric(LOOKS).await > looks + 3).await;
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// Does something to the database behind its back.
    pub(crate) async fn execute(&self, statement: &'static str) {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }

    /// Every column of every row of every table, bytes as hexadecimal digits, in lower case.
    pub(crate) async fn everything(&self) -> String {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        assert!(tables.len() > 8, "{tables:?}");
        let mut all = String::new();
        for table in tables {
            let statement = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut connection).await.unwrap();
            all.extend([table.as_str(), "\n", &rows, "\n"]);
        }
        all.to_lowercase()
    }
}

/// Fails where the database holds one of these texts, plainly or as bytes.
pub(crate) fn assert_absent(everything: &str, texts: &[&str]) {
    for text in texts {
        let plain = text.to_lowercase();
        let digits = |text: &str| {
            text.bytes()
                .flat_map(|byte| [byte >> 4, byte & 15])
                .map(|four| char::from_digit(four.into(), 16).unwrap())
                .collect::<String>()
        };
        for form in [plain.clone(), digits(text), digits(&plain)] {
            assert!(!everything.contains(&form), "{text:?} is in the database as {form}");
        }
    }
}
