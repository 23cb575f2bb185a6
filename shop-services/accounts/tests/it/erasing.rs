//! What a person may ask for: everything that is held about them, and that it be gone.

use async_nats::jetstream;
use serde_json::{Value, json};
use test_kit::{Nats, Postgres};

use crate::running::{FIRST, PASSWORD, Time, assert_absent, refusal, start, start_on, until};

const ME: &str = "/v1/accounts/me";
const ADDRESSES: &str = "/v1/accounts/me/addresses";

/// The events of a kind, as the broker has them.
async fn told(context: &jetstream::Context, kind: &str) -> Vec<Value> {
    let Ok(stream) = context.get_stream("SHOP").await else { return Vec::new() };
    let last = stream.cached_info().state.last_sequence;
    let mut events = Vec::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        if message.subject.as_str() == format!("shop.{kind}") {
            events.push(serde_json::from_slice(&message.payload).unwrap());
        }
    }
    events
}

/// What Anna has delivered.
fn address() -> Value {
    json!({"recipient": "Anna at Work", "line1": "Lampenweg 17", "postal_code": "D-10115", "city": "Lichtstadt", "country": "DE"})
}

#[tokio::test]
async fn an_export_has_everything_that_is_held_and_no_secret() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let anna = accounts.person("anna@example.com", "Anna Lampe").await;
    accounts.person("berta@example.com", "Berta").await;
    let added = accounts.of(&anna, ("POST", ADDRESSES), ("idempotency-key", "a"), Some(&address())).await;
    let export = accounts.read(&anna, "/v1/accounts/me/export").await;
    assert_eq!((export.status, export.header("cache-control")), (200, "no-store"), "{}", export.text());
    let mut exported = address();
    exported["id"] = added.json()["id"].clone();
    assert_eq!(export.json()["account"], accounts.read(&anna, ME).await.json());
    assert_eq!(export.json()["addresses"], json!([exported]));
    assert_eq!(export.json()["sessions"].as_array().unwrap().len(), 1);
    assert!(!export.text().contains("argon2") && !export.text().contains(&anna.refresh));
    Ok(())
}

#[tokio::test]
async fn an_erased_account_leaves_nothing_that_can_be_read() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let database = Postgres::shared().await?.database().await?;
    let accounts = start_on(&database, &nats.url(), &Time::new(), &[]).await?;
    let anna = accounts.person("anna@example.com", "Anna Lampe").await;
    let berta = accounts.person("berta@example.com", "Berta").await;
    accounts.of(&anna, ("POST", ADDRESSES), ("idempotency-key", "a"), Some(&address())).await;
    assert_eq!(accounts.log_in(&anna.email, "not her password").await.status, 401);
    assert_eq!(accounts.count("SELECT count(*) FROM attempts WHERE count > 0").await, 2, "for her, and her network");
    // A copy of everything but the keys, as a backup is.
    accounts
        .execute(
            "CREATE SCHEMA backup; CREATE TABLE backup.accounts AS SELECT * FROM accounts; \
        CREATE TABLE backup.addresses AS SELECT * FROM addresses",
        )
        .await;
    let tag = accounts.read(&anna, ME).await.header("etag").to_owned();
    assert_eq!(refusal(&accounts.of(&anna, ("DELETE", ME), ("if-match", "\"99\""), None).await, 412), "stale");
    let erased = accounts.of(&anna, ("DELETE", ME), ("if-match", &tag), None).await;
    assert_eq!(erased.status, 204, "{}", erased.text());
    assert_eq!(accounts.count("SELECT count(*) FROM attempts WHERE count > 0").await, 1, "her network's");

    for path in [ME, "/v1/accounts/me/export", ADDRESSES] {
        assert_eq!(refusal(&accounts.read(&anna, path).await, 404), "account-not-found");
    }
    let twice = accounts.of(&anna, ("DELETE", ME), ("if-match", &tag), None).await;
    assert_eq!(refusal(&twice, 404), "account-not-found");
    assert_eq!(accounts.exchange(&anna.refresh).await.status, 401);
    assert_eq!(accounts.log_in(&anna.email, PASSWORD).await.status, 401);
    let texts = ["anna@example.com", "Anna Lampe", "Anna at Work", "Lampenweg", "D-10115", "Lichtstadt", PASSWORD];
    assert_absent(&accounts.everything().await, &texts);
    let left = "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM addresses) + (SELECT count(*) FROM sessions) \
        + (SELECT count(*) FROM refresh_tokens) + (SELECT count(*) FROM wrapped_keys WHERE place LIKE 'account/%')";
    assert_eq!(accounts.count(left).await, 4, "only Berta's account, session, token and key");
    let index = "SELECT count(*) FROM backup.accounts b JOIN accounts a USING (email_index)";
    assert_eq!(accounts.count(index).await, 1, "only Berta's");

    // The copy comes back, without the key that nobody has any more.
    accounts.execute("INSERT INTO accounts SELECT * FROM backup.accounts ON CONFLICT DO NOTHING; \
        INSERT INTO addresses (id, account_id, postal, version) SELECT id, account_id, postal, version FROM backup.addresses").await;
    assert_eq!(accounts.count("SELECT count(*) FROM accounts").await, 2);
    for path in [ME, "/v1/accounts/me/export", ADDRESSES] {
        assert_eq!(refusal(&accounts.read(&anna, path).await, 404), "account-not-found");
    }
    assert_eq!(accounts.log_in(&anna.email, PASSWORD).await.status, 401);
    accounts
        .execute(
            "DELETE FROM accounts a WHERE NOT EXISTS \
        (SELECT FROM wrapped_keys w WHERE w.place = 'account/' || a.id)",
        )
        .await;

    let anew = accounts.open("anew", "anna@example.com", "Anna Lampe").await;
    assert_eq!(anew.status, 201, "{}", anew.text());
    assert_ne!(anew.json()["id"], anna.id.as_str());
    assert_eq!(accounts.read(&berta, ME).await.json()["name"], "Berta");

    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    let told = async |kind: &str| told(&context, kind).await;
    until("all is told", async || told("account.created").await.len() == 3 && told("account.erased").await.len() == 1)
        .await;
    assert_eq!(told("account.erased").await[0]["data"], json!({"account_id": anna.id}), "and no more than that");
    let created: Vec<Value> = told("account.created").await.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(created[..2], [json!({"account_id": anna.id}), json!({"account_id": berta.id})]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_was_moved_to_another_account_is_not_opened() -> anyhow::Result<()> {
    let database = Postgres::shared().await?.database().await?;
    let accounts = start_on(&database, crate::running::NOWHERE, &Time::new(), &[]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    let berta = accounts.person("berta@example.com", "Berta").await;
    // With the key and the values of another row, and with the columns of one row exchanged.
    for swap in
        ["UPDATE accounts a SET name = b.name FROM accounts b WHERE a.id <> b.id", "UPDATE accounts SET name = email"]
    {
        accounts.execute(swap).await;
        for person in [&anna, &berta] {
            assert_eq!(refusal(&accounts.read(person, ME).await, 500), "internal", "{swap}");
        }
    }
    accounts.end().await?;
    let refused = start_on(
        &database,
        crate::running::NOWHERE,
        &Time::new(),
        &[&format!("--master-key={}", FIRST.replace("AQE", "AwM"))],
    )
    .await;
    let refused = format!("{:#}", refused.err().unwrap());
    assert!(refused.contains("index cannot be opened"), "another key of the same version: {refused}");
    Ok(())
}
