//! Keys: those of tokens turn over without a refused token, those of keys without an unreadable account.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, header};
use serde_json::{Value, json};
use shop_kit::access::Access;
use shop_kit::config::AccessConfig;
use shop_kit::process::ThisProcess;
use shop_metrics::{Build, Calls, ShopMetrics};
use test_kit::Postgres;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::running::{Accounts, FIRST, NOWHERE, PASSWORD, SECOND, Time, refusal, run, start, start_on, until};

/// The names of the published keys.
async fn published(accounts: &Accounts) -> BTreeSet<String> {
    let keys = accounts.send("GET", "/.well-known/jwks.json", &[], None).await.json()["keys"].clone();
    assert!(keys.as_array().unwrap().iter().all(|key| key["crv"] == "Ed25519" && key.get("d").is_none()), "{keys}");
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// A token of the gateway's, of which nobody has to know a password.
async fn token(accounts: &Accounts) -> String {
    let body = json!({"grant_type": "client_credentials", "client_id": "gateway", "client_secret": "gateway-secret"});
    let answer = accounts.ask(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// The key that a token names.
fn signed_by(token: &str) -> String {
    shop_kit::signature::named_key(token).unwrap()
}

/// Checks tokens as every other service does.
fn reader(accounts: &Accounts, audience: &str) -> Access {
    let config = AccessConfig {
        token_keys_url: accounts.url.clone(),
        token_issuer: "accounts".to_owned(),
        token_audience: audience.to_owned(),
    };
    let mut metrics = ShopMetrics::new(&Build { service_name: "reader", version: "0" }, ThisProcess);
    Access::new(&config, Duration::from_secs(30), Calls::register(&mut metrics), None).unwrap()
}

fn bearing(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
}

#[tokio::test]
async fn while_keys_turn_over_no_token_of_either_replica_is_refused() -> anyhow::Result<()> {
    // The reader fetches keys no more often than every ten seconds.
    let flags = ["--key-lead=12s", "--access-ttl=4s"];
    let database = Postgres::shared().await?.database().await?;
    let time = Time::new();
    let (one, two) =
        tokio::try_join!(start_on(&database, NOWHERE, &time, &flags), start_on(&database, NOWHERE, &time, &flags))?;
    let old = published(&one).await;
    assert_eq!((old.len(), &published(&two).await), (1, &old), "whoever starts first makes the one key");
    let reader = reader(&one, "shop-services");
    let mut previous = token(&two).await;
    reader.check(&bearing(&previous), time.now()).await.unwrap();
    let database_url = format!("--database-url={database}");
    let master = format!("--master-key={FIRST}");
    let words = ["rotate-keys", &database_url, &master, "--key-lead=12s", "--key-period=100ms", "--access-ttl=4s"];
    for _ in 0..2 {
        run(&words, &time, CancellationToken::new()).await?; // the second finds one waiting
    }
    until("both replicas publish it", async || {
        published(&one).await.len() == 2 && published(&two).await == published(&one).await
    })
    .await;
    assert_eq!(old, BTreeSet::from([signed_by(&token(&one).await)]), "it does not sign yet");
    let (since, mut signers) = (Instant::now(), BTreeSet::new());
    while published(&one).await.len() == 2 || published(&two).await.len() == 2 {
        for accounts in [&one, &two] {
            let (token, asked) = (token(accounts).await, time.now());
            signers.insert(signed_by(&token));
            for token in [&token, &previous] {
                let checked = reader.check(&bearing(token), asked).await;
                assert!(checked.is_ok(), "after {:?}: {}", since.elapsed(), checked.unwrap_err().detail());
            }
            previous = token;
        }
        assert!(since.elapsed() < Duration::from_mins(2), "the old key is over by now");
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(signers.len(), 2, "both keys have signed");
    let new: BTreeSet<String> = signers.difference(&old).cloned().collect();
    assert_eq!((published(&one).await, published(&two).await), (new.clone(), new));
    assert_eq!(one.count("SELECT count(*) FROM wrapped_keys WHERE place LIKE 'signing/%'").await, 1);
    Ok(())
}

#[tokio::test]
async fn the_next_key_comes_by_schedule_and_replicas_that_start_at_once_agree() -> anyhow::Result<()> {
    let (database, time) = (Postgres::shared().await?.database().await?, Time::new());
    let flags = ["--key-rotation=24h", "--key-lead=15m"];
    let (one, two) =
        tokio::try_join!(start_on(&database, NOWHERE, &time, &flags), start_on(&database, NOWHERE, &time, &flags))?;
    let both = async |count: usize| {
        until("both replicas have the keys", async || {
            let keys = published(&one).await;
            keys.len() == count && published(&two).await == keys
        })
        .await;
        published(&one).await
    };
    let first = both(1).await;
    let anna = one.person("anna@example.com", "Anna").await;
    assert_eq!(two.read(&anna, "/v1/accounts/me").await.status, 200, "a token is everybody's");
    assert_eq!(two.log_in("anna@example.com", PASSWORD).await.status, 200, "and so is the index of addresses");
    let passes = async |time_passed: Duration| {
        time.advance(time_passed);
        one.looks_at_its_keys().await;
        two.looks_at_its_keys().await;
    };
    passes(Duration::from_hours(24)).await;
    let pair = both(2).await;
    let next: BTreeSet<String> = pair.difference(&first).cloned().collect();
    assert!(first.is_subset(&pair));
    passes(Duration::from_mins(14)).await;
    assert_eq!(BTreeSet::from([signed_by(&token(&two).await)]), first, "not before its time");
    passes(Duration::from_mins(2)).await;
    assert_eq!(BTreeSet::from([signed_by(&token(&one).await)]), next);
    passes(Duration::from_mins(22)).await;
    assert_eq!(both(2).await, pair, "tokens of the old one may still be valid");
    passes(Duration::from_mins(3)).await;
    assert_eq!(both(1).await, next);
    Ok(())
}

#[tokio::test]
async fn who_cannot_see_the_keys_for_longer_than_the_lead_signs_nothing() -> anyhow::Result<()> {
    let accounts = start(&["--key-lead=15m", "--key-period=7m"]).await?;
    token(&accounts).await;
    accounts.time.advance(Duration::from_mins(16));
    let body = json!({"grant_type": "client_credentials", "client_id": "gateway", "client_secret": "gateway-secret"});
    let refused = accounts.ask(&body).await;
    assert_eq!((refusal(&refused, 503), refused.header("retry-after")), ("unavailable".into(), "5"));
    Ok(())
}

#[tokio::test]
async fn a_service_has_tokens_of_its_own_that_are_no_customers() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let ask = async |id: &str, secret: &str| {
        accounts.ask(&json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret})).await
    };
    let answer = ask("gateway", "next-secret").await;
    assert_eq!((answer.status, answer.json().get("refresh_token")), (200, None), "{}", answer.text());
    assert_eq!(
        (answer.json()["token_type"].clone(), answer.json()["expires_in"].clone()),
        (json!("Bearer"), json!(600))
    );
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let now = accounts.time.now();
    let id = reader(&accounts, "shop-services").check(&bearing(&token), now).await.unwrap();
    assert_eq!(reader(&accounts, "shop").check(&bearing(&token), now).await.unwrap_err().status(), 401);
    let same = ask("gateway", "gateway-secret").await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(reader(&accounts, "shop-services").check(&bearing(&same), now).await.unwrap(), id, "old and new secret");
    for (id, secret) in [("orders", "gateway-secret"), ("gateway", ""), ("nobody", "orders-secret")] {
        assert_eq!(refusal(&ask(id, secret).await, 401), "credentials-refused");
    }
    let anna = accounts.person("anna@example.com", "Anna").await;
    let customer = anna.bearer.trim_start_matches("Bearer ");
    let id = reader(&accounts, "shop").check(&bearing(customer), accounts.time.now()).await.unwrap();
    assert_eq!(id.to_string(), anna.id);
    assert_eq!(
        reader(&accounts, "shop-services").check(&bearing(customer), accounts.time.now()).await.unwrap_err().status(),
        401
    );
    Ok(())
}

#[tokio::test]
async fn a_new_master_key_wraps_every_key_anew_and_then_the_old_one_can_go() -> anyhow::Result<()> {
    let (database, time) = (Postgres::shared().await?.database().await?, Time::new());
    let with =
        async |keys: &[&str]| start_on(&database, NOWHERE, &time, &[&format!("--master-key={}", keys.join(","))]).await;
    let accounts = with(&[FIRST]).await?;
    accounts.person("anna@example.com", "Anna Lampe").await;
    let keys = published(&accounts).await;
    let wrapped: i64 = accounts.count("SELECT count(*) FROM wrapped_keys WHERE master_version = 1").await;
    assert_eq!(wrapped, 3, "of the index, of tokens, of Anna");
    // Everybody learns to open what the new one will seal, then it seals, then it is alone.
    let other = with(&[FIRST, SECOND]).await?;
    accounts.end().await?;
    let accounts = with(&[SECOND, FIRST]).await?;
    until("every key is wrapped anew", async || {
        accounts.count("SELECT count(*) FROM wrapped_keys WHERE master_version = 2").await == 3
    })
    .await;
    assert_eq!(other.log_in("anna@example.com", PASSWORD).await.status, 200);
    other.end().await?;
    accounts.end().await?;
    // Nothing of the sort of a race: whoever had both keys may have wrapped for the old one, and stops.
    let accounts = with(&[SECOND, FIRST]).await?;
    until("every key is wrapped anew", async || {
        accounts.count("SELECT count(*) FROM wrapped_keys WHERE master_version = 2").await == 3
    })
    .await;
    accounts.end().await?;
    let accounts = with(&[SECOND]).await?;
    let session = accounts.log_in("anna@example.com", PASSWORD).await;
    assert_eq!(session.status, 200, "{}", session.text());
    let bearer = format!("Bearer {}", session.json()["access_token"].as_str().unwrap());
    let me: Value = accounts.send("GET", "/v1/accounts/me", &[("authorization", &bearer)], None).await.json();
    assert_eq!((me["name"].clone(), published(&accounts).await), (json!("Anna Lampe"), keys));
    accounts.end().await?;
    let refused = format!("{:#}", with(&[FIRST]).await.err().unwrap());
    assert!(refused.contains("sealed by master key 2, which is not configured: pass that one, too"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_with_what_would_pass() -> anyhow::Result<()> {
    let time = Time::new();
    let refused = async |flags: &[&str]| {
        format!("{:#}", start_on("postgres://nobody", NOWHERE, &time, flags).await.err().unwrap())
    };
    for (flags, words) in [
        (&["--master-key=1"][..], "write VERSION:KEY, VERSION a number from 1 on and KEY 32 random bytes in base64url"),
        (&[&format!("--master-key={FIRST},{FIRST}")], "two master keys have version 1; give each its own"),
        (&["--key-lead=10s", "--key-period=6s"], "key-period is 6s; more than 0 and up to 5s pass"),
        (&["--key-rotation=15m"], "key-rotation is 900s; more than key-lead, 900s, passes"),
        (&["--service-audience=shop"], "service-audience is the token-audience, shop; another one passes"),
        (&["--hash-memory=1024"], "1024 is not in 19456..=1048576"),
        (&["--hash-passes=1"], "1 is not in 2..=64"),
    ] {
        let said = refused(flags).await;
        assert!(said.contains(words), "{flags:?}: {said}");
    }
    let database = "--database-url=postgres://nobody";
    let said = format!("{:#}", run(&["rotate-keys", database], &time, CancellationToken::new()).await.unwrap_err());
    assert!(said.contains("no master key is configured; pass --master-key VERSION:KEY"), "{said}");
    Ok(())
}
