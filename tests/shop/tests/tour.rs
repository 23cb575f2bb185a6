//! `make shop` from its start to its end: open within its time, every line of the tour works as pasted, each service
//! reaches its own database and no other, and after Ctrl-C nothing is left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Stands between the answers of two lines.
const MARK: &str = "=== mark ===";

/// The program `shop` of the same build.
fn shop() -> PathBuf {
    let shop = Path::new(env!("CARGO_BIN_EXE_presale-shop")).with_file_name("shop");
    assert!(shop.is_file(), "{} is missing: run `cargo build -p shop` and try again", shop.display());
    shop
}

/// A running `presale-shop`; killed when dropped.
struct Open {
    process: Child,
    id: u32,
    /// Everything that it has said so far.
    said: Vec<String>,
    lines: tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>,
}

impl Open {
    fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presale-shop"));
        command.args(["--listen=127.0.0.1:0", "--products=20"]).arg("--shop").arg(shop());
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let lines = tokio::io::BufReader::new(process.stdout.take().unwrap()).lines();
        Ok(Self { id: process.id().unwrap(), process, said: Vec::new(), lines })
    }

    /// Reads on until a line begins like this.
    async fn says(&mut self, beginning: &str) -> anyhow::Result<()> {
        let reading = async {
            while let Some(line) = self.lines.next_line().await? {
                let found = line.trim_start().contains(beginning);
                self.said.push(line);
                if found {
                    return Ok(());
                }
            }
            anyhow::bail!("it ended without {beginning:?}:\n{}", self.said.join("\n"))
        };
        timeout(Duration::from_mins(3), reading).await?
    }

    /// Its processes beside itself.
    fn family(&self) -> anyhow::Result<Vec<u32>> {
        let mut family = vec![self.id];
        let mut known = 0;
        while known < family.len() {
            known = family.len();
            for entry in std::fs::read_dir("/proc")? {
                let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
                if !family.contains(&id) && parent(id).is_some_and(|parent| family.contains(&parent)) {
                    family.push(id);
                }
            }
        }
        Ok(family.split_off(1))
    }

    /// Ends it by this signal, and checks that nothing of it is left.
    async fn ends(mut self, signal: &str) -> anyhow::Result<()> {
        let (family, folder) = (self.family()?, std::env::temp_dir().join(format!("presale-test-{}", self.id)));
        assert!(!family.is_empty() && folder.is_dir(), "{family:?} in {}", folder.display());
        assert!(Command::new("kill").args([signal, &self.id.to_string()]).status().await?.success());
        let status = timeout(Duration::from_mins(2), self.process.wait()).await??;
        assert!(status.success(), "{status}");
        for _ in 0..200 {
            if !folder.exists() && family.iter().all(|id| parent(*id).is_none()) {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        let left: Vec<String> = family.into_iter().map(words).collect();
        anyhow::bail!("left: {left:?}, {} {}", folder.display(), folder.exists())
    }
}

/// The parent of a process; `None` where it has ended.
fn parent(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?;
    rest.next()?.parse().ok().filter(|_| state != "Z")
}

/// The command line of a process; empty where it has ended.
fn words(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default().replace('\0', " ")
}

/// Pastes the lines into a shell and returns what each says.
async fn paste(lines: &[&str]) -> anyhow::Result<Vec<String>> {
    let script: Vec<String> = lines.iter().map(|line| format!("{line}\necho '{MARK}'\n")).collect();
    let pasted = Command::new("bash").arg("-c").arg(script.concat()).kill_on_drop(true).output();
    let output = timeout(Duration::from_mins(2), pasted).await??;
    let said = String::from_utf8(output.stdout)?;
    let mut answers: Vec<String> = said.split(MARK).map(|answer| answer.trim().to_owned()).collect();
    answers.pop();
    Ok(answers)
}

fn is_command(line: &str) -> bool {
    let assigns = line.split_once('=').is_some_and(|(name, rest)| {
        rest.starts_with("$(curl ") && name.chars().all(|letter| letter.is_ascii_uppercase())
    });
    assigns || ["curl ", "until curl "].iter().any(|start| line.starts_with(start))
}

/// Every service reaches its own database with its own credential, and no other.
async fn databases_are_apart(places: &str) -> anyhow::Result<()> {
    let places: toml::Table = std::fs::read_to_string(places)?.parse()?;
    let databases = places["databases"].as_table().unwrap();
    assert_eq!(databases.len(), 9);
    let psql = test_kit::debian_binary("postgresql", "psql")?;
    let tries = databases.iter().flat_map(|(owner, url)| databases.keys().map(move |other| (owner, url, other)));
    for (owner, url, other) in tries {
        let url = url.as_str().unwrap();
        let at = format!("{}/{other}", url.rsplit_once('/').unwrap().0);
        let reached = Command::new(&psql).args(["--no-psqlrc", "-qtAc", "select 1", &at]).output().await?;
        assert_eq!(reached.status.success(), owner == other, "{owner} at {other}: {reached:?}");
    }
    let wrong = databases["orders"].as_str().unwrap().replace("orders:", "orders:x");
    assert!(!Command::new(&psql).args(["--no-psqlrc", "-qtAc", "select 1", &wrong]).output().await?.status.success());
    Ok(())
}

#[tokio::test]
async fn the_shop_opens_its_tour_works_as_pasted_and_nothing_is_left_of_it() -> anyhow::Result<()> {
    let mut shop = Open::start()?;
    shop.says("Ctrl-C closes the shop").await?;
    let after =
        |beginning: &str| shop.said.iter().find_map(|line| line.split_once(beginning)).map(|(_, rest)| rest.trim());
    println!("open after {}", after("open after").unwrap());
    let lines: Vec<&str> = shop.said.iter().map(String::as_str).filter(|line| is_command(line)).collect();
    let answers = paste(&lines).await?;
    assert_eq!((lines.len(), answers.len()), (11, 11), "{lines:#?}\n{answers:#?}");
    let json: Vec<Value> = answers.iter().map(|answer| serde_json::from_str(answer).unwrap_or_default()).collect();
    assert_eq!(json[0]["items"].as_array().unwrap().len(), 2, "{}", answers[0]);
    assert!(json[1]["items"].is_array(), "{}", answers[1]);
    assert!(
        json[2]["prices"][0]["now"]["amount"].is_i64() && json[2]["stock"][0]["available"].is_i64(),
        "{}",
        answers[2]
    );
    assert!(json[3]["id"].is_string(), "{}", answers[3]);
    assert_eq!(json[6]["lines"][0]["quantity"], 2, "{}", answers[6]);
    assert_eq!((json[9]["state"].as_str(), json[9]["lines"][0]["quantity"].as_i64()), (Some("confirmed"), Some(2)));
    let kinds: Vec<&str> =
        json[10]["items"].as_array().unwrap().iter().filter_map(|item| item["kind"].as_str()).collect();
    assert!(kinds.contains(&"order.created"), "{}", answers[10]);
    databases_are_apart(after("for `loadgen audit`:").unwrap()).await?;
    let words: Vec<String> = shop.family()?.into_iter().map(words).collect();
    for name in presale_shop::NAMES.into_iter().chain(["psp-sim"]) {
        let own = words.iter().filter(|words| words.contains(&format!("/shop {name} ")));
        assert_eq!(own.count(), 1, "{name} has a process of its own: {words:#?}");
    }
    shop.ends("-INT").await
}

#[tokio::test]
async fn a_shop_that_is_stopped_while_it_opens_leaves_nothing_either() -> anyhow::Result<()> {
    let mut shop = Open::start()?;
    shop.says("PostgreSQL and NATS answer").await?;
    shop.ends("-TERM").await
}
