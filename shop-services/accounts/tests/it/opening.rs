//! Opening an account: once per key, once per address, and nothing personal left in the open.

use futures::future::join_all;
use serde_json::json;

use crate::running::{PASSWORD, assert_absent, refusal, start};

#[tokio::test]
async fn an_account_is_opened_once_however_often_it_is_asked_for_and_once_for_an_address() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let first = accounts.open("k", "Anna@Example.com", "Anna Lampe").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = accounts.open("k", "Anna@Example.com", "Anna Lampe").await;
    assert_eq!((again.status, again.json(), again.header("idempotency-replayed")), (201, first.json(), "true"));
    let other = accounts.open("k", "anna@example.com", "Another Name").await;
    assert_eq!(refusal(&other, 422), "idempotency-key");
    assert_eq!(refusal(&accounts.open("l", " ANNA@example.COM", "Anna").await, 409), "email-taken");
    // Refusals are not kept: the key is still free.
    assert_eq!(accounts.open("l", "berta@example.com", "Berta").await.status, 201);
    let keys: Vec<String> = (0..12).map(|number| format!("at-once-{number}")).collect();
    let at_once = join_all(keys.iter().map(|key| accounts.open(key, "cleo@example.com", "Cleo"))).await;
    let opened = at_once.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(opened, 1, "{:?}", at_once.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(at_once.iter().all(|answer| [201, 409].contains(&answer.status)));
    assert_eq!(accounts.count("SELECT count(*) FROM accounts").await, 3);
    assert_eq!(accounts.count("SELECT count(*) FROM wrapped_keys WHERE place LIKE 'account/%'").await, 3);
    assert_eq!(accounts.count("SELECT count(*) FROM outbox WHERE kind = 'account.created'").await, 3);
    assert_eq!(accounts.log_in("ANNA@EXAMPLE.COM", PASSWORD).await.status, 200);
    Ok(())
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_in_the_open_in_the_database() -> anyhow::Result<()> {
    let accounts = start(&["--attempts-per-account=2"]).await?;
    let anna = accounts.person("anna@example.com", "Anna Lampe").await;
    let address = json!({"recipient": "Anna at Work", "line1": "Lampenweg 17", "postal_code": "10115", "city": "Lichtstadt", "country": "DE"});
    let added =
        accounts.of(&anna, ("POST", "/v1/accounts/me/addresses"), ("idempotency-key", "a"), Some(&address)).await;
    assert_eq!(added.status, 201, "{}", added.text());
    for _ in 0..3 {
        accounts.log_in("anna@example.com", "not her password").await;
    }
    let next = accounts.exchange(&anna.refresh).await.json();
    let everything = accounts.everything().await;
    assert!(everything.contains(&anna.id), "the database was read");
    let access = anna.bearer.trim_start_matches("Bearer ");
    let texts = [
        "anna@example.com",
        "example.com",
        "Anna Lampe",
        PASSWORD,
        "not her password",
        "Anna at Work",
        "Lampenweg",
        "Lichtstadt",
        "10115",
        "argon2id",
        "127.0.0.1",
        access,
        &anna.refresh,
        next["refresh_token"].as_str().unwrap(),
    ];
    assert_absent(&everything, &texts);
    // The same search finds what is there.
    accounts.execute("CREATE TABLE planted AS SELECT convert_to('Lampenweg 17', 'UTF8') AS bytes").await;
    let everything = accounts.everything().await;
    assert!(std::panic::catch_unwind(|| assert_absent(&everything, &["Lampenweg"])).is_err());
    Ok(())
}
