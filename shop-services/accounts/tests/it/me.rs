//! A customer's own account and addresses: changed only as they were seen, with the password where it matters, and
//! by nobody else.

use serde_json::{Value, json};

use crate::running::{PASSWORD, refusal, start};

const ME: &str = "/v1/accounts/me";
const ADDRESSES: &str = "/v1/accounts/me/addresses";

fn address(city: &str) -> Value {
    json!({"recipient": "Anna", "line1": "Lampenweg 17", "line2": "Hof", "postal_code": "10115", "city": city, "country": "DE"})
}

#[tokio::test]
async fn an_account_is_changed_as_it_was_seen_and_with_the_password_where_it_matters() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let anna = accounts.person("anna@example.com", "Anna").await;
    accounts.person("berta@example.com", "Berta").await;
    let patch = async |tag: &str, body: Value| accounts.of(&anna, ("PATCH", ME), ("if-match", tag), Some(&body)).await;
    let seen = accounts.read(&anna, ME).await;
    let expected =
        json!({"id": anna.id, "email": "anna@example.com", "name": "Anna", "created_at": seen.json()["created_at"]});
    assert_eq!((seen.status, seen.json()), (200, expected));
    let first = seen.header("etag").to_owned();
    let unchanged = accounts.of(&anna, ("GET", ME), ("if-none-match", &first), None).await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, first.as_str()));
    let renamed = patch(&first, json!({"name": "Anna Lampe"})).await;
    assert_eq!((renamed.status, renamed.json()["name"].clone()), (200, json!("Anna Lampe")), "{}", renamed.text());
    assert_eq!(refusal(&patch(&first, json!({"name": "Late"})).await, 412), "stale");
    let tag = renamed.header("etag").to_owned();
    assert_ne!(tag, first);
    let blind = accounts.of(&anna, ("PATCH", ME), ("accept", "*/*"), Some(&json!({"name": "Blind"}))).await;
    assert_eq!(refusal(&blind, 428), "precondition-required");
    let email = json!({"email": "anna@new.example"});
    assert_eq!(refusal(&patch(&tag, email).await, 422), "invalid-field");
    let wrong = json!({"email": "anna@new.example", "current_password": "not her password"});
    assert_eq!(refusal(&patch(&tag, wrong).await, 401), "credentials-refused");
    let taken = json!({"email": "Berta@example.com", "current_password": PASSWORD});
    assert_eq!(refusal(&patch(&tag, taken).await, 409), "email-taken");
    let moved = patch(&tag, json!({"email": "Anna@New.example", "current_password": PASSWORD})).await;
    assert_eq!((moved.status, moved.json()["email"].clone()), (200, json!("anna@new.example")), "{}", moved.text());
    assert_eq!(accounts.log_in("anna@example.com", PASSWORD).await.status, 401);
    assert_eq!(accounts.open("k", "anna@example.com", "Somebody").await.status, 201, "the old address is free");
    assert_eq!(accounts.exchange(&anna.refresh).await.status, 200, "another address ends no session");
    let session = accounts.log_in("anna@new.example", PASSWORD).await.json();
    let secret = json!({"password": "another long password", "current_password": PASSWORD});
    let changed = patch(moved.header("etag"), secret).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        accounts.exchange(session["refresh_token"].as_str().unwrap()).await.status,
        401,
        "it ended every session"
    );
    assert_eq!(accounts.log_in("anna@new.example", PASSWORD).await.status, 401);
    assert_eq!(accounts.log_in("anna@new.example", "another long password").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn addresses_are_added_read_replaced_and_deleted_by_their_customer_alone() -> anyhow::Result<()> {
    let accounts = start(&[]).await?;
    let (anna, berta) =
        (accounts.person("anna@example.com", "Anna").await, accounts.person("berta@example.com", "Berta").await);
    let add = async |key: &str, city: &str| {
        accounts.of(&anna, ("POST", ADDRESSES), ("idempotency-key", key), Some(&address(city))).await
    };
    let added = add("k", "Lichtstadt").await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(add("k", "Lichtstadt").await.json(), added.json());
    assert_eq!(refusal(&add("k", "Elsewhere").await, 422), "idempotency-key");
    let path = format!("{ADDRESSES}/{}", added.json()["id"].as_str().unwrap());
    let seen = accounts.read(&anna, &path).await;
    let mut expected = address("Lichtstadt");
    expected["id"] = added.json()["id"].clone();
    assert_eq!((seen.status, seen.json()), (200, expected.clone()));
    let tag = seen.header("etag").to_owned();
    assert_eq!(accounts.of(&anna, ("GET", &path), ("if-none-match", &tag), None).await.status, 304);
    assert_eq!(accounts.read(&anna, ADDRESSES).await.json(), json!({"items": [expected]}));
    assert_eq!(accounts.read(&berta, ADDRESSES).await.json(), json!({"items": []}));
    for (method, body) in [("GET", None), ("PUT", Some(address("Stolen"))), ("DELETE", None)] {
        let stranger = accounts.of(&berta, (method, &path), ("if-match", "*"), body.as_ref()).await;
        assert_eq!(refusal(&stranger, 404), "address-not-found", "{method}");
    }
    let replace =
        async |tag: &str, city: &str| accounts.of(&anna, ("PUT", &path), ("if-match", tag), Some(&address(city))).await;
    let replaced = replace(&tag, "Neustadt").await;
    assert_eq!((replaced.status, replaced.json()["city"].clone()), (200, json!("Neustadt")), "{}", replaced.text());
    assert_eq!(refusal(&replace(&tag, "Late").await, 412), "stale");
    assert_eq!(refusal(&accounts.of(&anna, ("DELETE", &path), ("if-match", &tag), None).await, 412), "stale");
    assert_eq!(
        refusal(&accounts.of(&anna, ("DELETE", &path), ("accept", "*/*"), None).await, 428),
        "precondition-required"
    );
    let deleted = accounts.of(&anna, ("DELETE", &path), ("if-match", replaced.header("etag")), None).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    assert_eq!(refusal(&accounts.read(&anna, &path).await, 404), "address-not-found");
    let keys: Vec<String> = (0..24).map(|number| format!("many-{number}")).collect();
    let many = futures::future::join_all(keys.iter().map(|key| add(key, "Lichtstadt"))).await;
    assert_eq!(many.iter().filter(|answer| answer.status == 201).count(), 20);
    assert!(many.iter().filter(|a| a.status != 201).all(|a| refusal(a, 409) == "too-many-addresses"));
    Ok(())
}
