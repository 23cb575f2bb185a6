//! An account is erased at the real accounts, and the real cart, orders, notifications and recommendations forget.

use serde_json::json;

use crate::carts::insist;
use crate::floor::{Service, refusal, until};
use crate::stage::Stage;

const PASSWORD: &str = "correct horse battery staple";

/// A customer who opened an account and logged in.
struct Person {
    id: String,
    bearer: String,
}

async fn person(accounts: &Service, email: &str) -> Person {
    let account = json!({"email": email, "name": "Anna Lampe", "password": PASSWORD});
    let opened = accounts.send("POST", "/v1/accounts", "", Some(email), Some(&account)).await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    let log_in = json!({"grant_type": "password", "email": email, "password": PASSWORD});
    let granted = accounts.send("POST", "/v1/auth/token", "", None, Some(&log_in)).await;
    assert_eq!(granted.status, 200, "{}", granted.text());
    let token = granted.json()["access_token"].as_str().unwrap().to_owned();
    Person { id: opened.json()["id"].as_str().unwrap().to_owned(), bearer: format!("Bearer {token}") }
}

/// Puts something into the cart and buys something else.
async fn shops(stage: &Stage, cart: &Service, orders: &Service, person: &Person) -> String {
    insist(cart, ("authorization", &person.bearer), "TABLE", 1).await;
    let path = orders.placed(&person.bearer, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &person.bearer, "confirmed").await;
    path
}

#[tokio::test]
async fn an_erased_account_is_forgotten_by_everybody_and_the_books_stay() -> anyhow::Result<()> {
    let mut stage = Stage::set().await?;
    let accounts = stage.accounts().await?;
    let (cart, orders, notifications, recommendations) =
        tokio::try_join!(stage.cart(), stage.orders(&[]), stage.notifications(), stage.recommendations(&[]))?;
    let (anna, berta) = (person(&accounts, "anna@example.com").await, person(&accounts, "berta@example.com").await);
    let path = shops(&stage, &cart, &orders, &anna).await;
    shops(&stage, &cart, &orders, &berta).await;
    let services = [
        (&cart, &["carts"][..]),
        (&orders, &["idempotency_keys", "orders"]),
        (&notifications, &["notifications"]),
        (&recommendations, &["baskets"]),
    ];
    for (service, tables) in &services {
        until("everybody knows her", async || service.tables_with(&anna.id).await == *tables).await;
    }
    until("both orders are known", async || {
        recommendations.count("SELECT count(*) FROM baskets WHERE bought").await == 2
    })
    .await;

    let tag = accounts.send("GET", "/v1/accounts/me", &anna.bearer, None, None).await.header("etag").to_owned();
    let headers = [("authorization", anna.bearer.as_str()), ("if-match", tag.as_str())];
    let erased = accounts.client.send("DELETE", "/v1/accounts/me", &headers, None).await?;
    assert_eq!(erased.status, 204, "{}", erased.text());
    for service in [&cart, &orders, &notifications] {
        until("nobody knows her any more", async || service.tables_with(&anna.id).await.is_empty()).await;
    }
    until("only that she is forgotten is remembered", async || {
        recommendations.tables_with(&anna.id).await == ["forgotten"]
    })
    .await;
    for (service, tables) in &services {
        assert_eq!(service.tables_with(&berta.id).await, *tables, "the other customer is not touched");
    }

    // The order stays for the books, without her and without her card, and can still be shipped and refunded.
    assert_eq!(orders.count("SELECT count(*) FROM orders WHERE erased AND method = 'erased'").await, 1);
    assert_eq!(orders.count("SELECT count(*) FROM orders WHERE NOT erased AND method = 'tok_ok'").await, 1);
    assert_eq!(refusal(&orders.send("GET", &path, &anna.bearer, None, None).await, 404), "order-not-found");
    assert_eq!(orders.look("/v1/orders", &anna.bearer).await["items"], json!([]));
    assert_eq!(orders.look("/v1/orders", &berta.bearer).await["items"].as_array().unwrap().len(), 1);
    stage.audit(&[&orders]).await;
    let admin = crate::floor::ADMIN;
    assert_eq!(orders.send("POST", &format!("{path}/refund"), admin, Some("r"), None).await.status, 202);
    let refunded = "SELECT count(*) FROM orders WHERE erased AND state = 'refunded' AND method = 'erased'";
    until("the money is given back", async || orders.count(refunded).await == 1).await;
    stage.audit(&[&orders]).await;
    let told = recommendations.send("GET", "/v1/recommendations/me", &anna.bearer, None, None).await;
    assert_ne!(told.json()["source"], "model");
    Ok(())
}

#[tokio::test]
async fn an_order_that_is_on_its_way_is_finished_before_the_card_is_forgotten() -> anyhow::Result<()> {
    let mut stage = Stage::set().await?;
    let accounts = stage.accounts().await?;
    let orders = stage.orders(&[]).await?;
    let anna = person(&accounts, "anna@example.com").await;
    let quote = stage.quote(1, None).await;
    stage.inventory.signal("STOP").await?;
    orders.placed(&anna.bearer, "k", &quote).await;
    let tag = accounts.send("GET", "/v1/accounts/me", &anna.bearer, None, None).await.header("etag").to_owned();
    let headers = [("authorization", anna.bearer.as_str()), ("if-match", tag.as_str())];
    assert_eq!(accounts.client.send("DELETE", "/v1/accounts/me", &headers, None).await?.status, 204);
    let waiting = "SELECT count(*) FROM orders WHERE erased AND step IS NOT NULL AND method = 'tok_ok'";
    until("it is nobody's, and still needs the card", async || orders.count(waiting).await == 1).await;
    stage.inventory.signal("CONT").await?;
    let done = "SELECT count(*) FROM orders WHERE erased AND state = 'confirmed' AND method = 'erased'";
    until("it is confirmed, and the card forgotten", async || orders.count(done).await == 1).await;
    assert!(orders.tables_with(&anna.id).await.is_empty());
    stage.audit(&[&orders]).await;
    Ok(())
}
