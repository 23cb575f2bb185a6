//! Accounts as a process: what it refuses to start without, what it never logs, and a stop in the middle of logins.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use test_kit::{Answer, Client, Nats, Postgres, free_address};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const MASTER: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const PASSWORD: &str = "correct horse battery staple";

fn shop(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(words).kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn words(listen: &str, database: &str, nats: &str) -> anyhow::Result<Vec<String>> {
    let flags = [
        "accounts".to_owned(),
        "serve".to_owned(),
        format!("--listen={listen}"),
        format!("--admin-listen={}", free_address()?),
        format!("--database-url={database}"),
        format!("--nats-url={nats}"),
        "--log=trace".to_owned(),
        "--drain-delay=2s".to_owned(),
        "--request-timeout=60s".to_owned(),
        "--queue-timeout=60s".to_owned(),
        "--database-acquire-timeout=60s".to_owned(),
        "--service-token=orders=orders-secret-of-ours".to_owned(),
    ];
    Ok(flags.into())
}

/// All that a process says until it ends.
async fn log_of(mut process: Child) -> anyhow::Result<(bool, String)> {
    let mut log = String::new();
    let mut stderr = process.stderr.take().expect("stderr is a pipe");
    timeout(Duration::from_mins(2), stderr.read_to_string(&mut log)).await??;
    Ok((process.wait().await?.success(), log))
}

#[tokio::test]
async fn without_a_master_key_it_does_not_start_and_says_what_would_pass() -> anyhow::Result<()> {
    let words = words("127.0.0.1:1", "postgres://nobody@127.0.0.1:1/none", "nats://127.0.0.1:1")?;
    let (ended_well, log) = log_of(shop(&words).env_remove("SHOP_MASTER_KEYS").spawn()?).await?;
    assert!(!ended_well);
    assert!(log.contains("no master key is configured; pass --master-key VERSION:KEY"), "{log}");
    let secret = "1:c2VjcmV0LWJ1dC10b28tc2hvcnQ";
    let (ended_well, log) = log_of(shop(&words).env("SHOP_MASTER_KEYS", secret).spawn()?).await?;
    assert!(!ended_well && log.contains("write VERSION:KEY"), "{log}");
    assert!(!log.contains("c2VjcmV0"), "it is not repeated: {log}");
    Ok(())
}

/// Answers one request.
async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    client.send(method, path, headers, Some(&body.to_string())).await.expect("an answer")
}

fn log_in(password: &str) -> Value {
    json!({"grant_type": "password", "email": "anna@example.com", "password": password})
}

/// Sends what is secret or personal, right and wrong: what goes wrong must not be told with what it went wrong with.
async fn opens(client: &Client) {
    let account = json!({"email": "anna@example.com", "name": "Anna Lampe", "password": PASSWORD});
    let odd = json!({"email": "anna@example.com", "name": "Anna Lampe", "password": [PASSWORD]});
    let service =
        json!({"grant_type": "client_credentials", "client_id": "orders", "client_secret": "orders-secret-of-ours"});
    for (path, key, body, status) in [
        ("/v1/accounts", "k", &account, 201),
        ("/v1/accounts", "l", &account, 409),
        ("/v1/accounts", "m", &odd, 422),
        ("/v1/auth/token", "n", &log_in("not her password"), 401),
        ("/v1/auth/token", "n", &service, 200),
    ] {
        let answer = send(client, "POST", path, &[("idempotency-key", key)], body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

/// Has a session in which all is done that can be done; returns the tokens that were given out.
async fn lives(client: &Client) -> [String; 3] {
    let ask = async |body: Value| send(client, "POST", "/v1/auth/token", &[], &body).await.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let session = ask(log_in(PASSWORD)).await;
    let (access, refresh) = (text(&session["access_token"]), text(&session["refresh_token"]));
    let exchange = json!({"grant_type": "refresh_token", "refresh_token": refresh});
    let next = text(&ask(exchange.clone()).await["refresh_token"]);
    ask(exchange).await;
    let bearer = format!("Bearer {access}");
    let me = [("authorization", bearer.as_str()), ("if-match", "*"), ("idempotency-key", "a")];
    let address = json!({"recipient": "Anna", "line1": "Lampenweg 17", "postal_code": "D-10115", "city": "Lichtstadt", "country": "DE"});
    assert_eq!(send(client, "POST", "/v1/accounts/me/addresses", &me, &address).await.status, 201);
    let patch = json!({"password": "another long password", "current_password": PASSWORD});
    assert_eq!(send(client, "PATCH", "/v1/accounts/me", &me, &patch).await.status, 200);
    [access, refresh, next]
}

#[tokio::test]
async fn no_password_token_key_or_personal_word_is_ever_logged_and_a_stop_finishes_what_is_asked() -> anyhow::Result<()>
{
    let nats = Nats::start().await?;
    let listen = free_address()?.to_string();
    let database = Postgres::shared().await?.database().await?;
    let words = words(&listen, &database, &nats.url())?;
    let process = shop(&words).env("SHOP_MASTER_KEYS", MASTER).spawn()?;
    let id = process.id().expect("it runs").to_string();
    let reading = tokio::spawn(log_of(process));
    let client = Client::new(format!("http://{listen}"))?;
    let since = Instant::now();
    while !client.send("GET", "/readyz", &[], None).await.is_ok_and(|answer| answer.status == 200) {
        assert!(since.elapsed() < Duration::from_mins(2), "it is not ready");
        sleep(Duration::from_millis(50)).await;
    }
    opens(&client).await;
    let [access, refresh, next] = &lives(&client).await;
    // A stop in the middle: whoever was asking is answered.
    let body = log_in("another long password");
    let asking = (0..6).map(|_| send(&client, "POST", "/v1/auth/token", &[], &body));
    let stopping = async {
        sleep(Duration::from_millis(20)).await;
        Command::new("kill").args(["-TERM", &id]).status().await
    };
    let (answers, stopped) = tokio::join!(futures::future::join_all(asking), stopping);
    assert!(stopped?.success() && answers.iter().all(|answer| answer.status == 200));
    let (ended_well, log) = reading.await??;
    assert!(ended_well, "{log}");
    assert!(log.contains("a used refresh token came again") && log.contains("TRACE"), "the log was read");
    for secret in [
        access,
        refresh,
        next,
        PASSWORD,
        "not her password",
        "another long password",
        "orders-secret-of-ours",
        MASTER.trim_start_matches("1:"),
        "argon2id$",
        "anna@example.com",
        "Anna Lampe",
        "Lampenweg",
        "Lichtstadt",
        "D-10115",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    Ok(())
}
