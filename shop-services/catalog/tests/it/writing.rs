//! What administrators write: token, conditions, bounds, and nothing half done.

use futures::future::join_all;
use serde_json::json;

use crate::running::{Catalog, start_seeded};

pub(crate) fn table(sku: &str) -> String {
    json!({
        "title": "Oak table", "description": "Made by hand.", "brand": "Elm", "category": "tables",
        "attributes": {"material": "oak"}, "variants": [{"sku": sku, "title": "180 cm"}]
    })
    .to_string()
}

pub(crate) async fn created(catalog: &Catalog, sku: &str) -> (String, String) {
    let answer = catalog.admin("POST", "/v1/products", None, &table(sku)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    (answer.header("location").to_owned(), answer.header("etag").to_owned())
}

#[tokio::test]
async fn a_product_lives_from_creation_to_retirement() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    let read = catalog.get(&path).await;
    assert_eq!(read.header("etag"), tag);
    assert_eq!(read.json()["created_at"], "2027-01-15T08:00:00Z");

    let change = r#"{"title": "Walnut table", "variants": [{"sku": "OAK-1", "title": "one"}, {"sku": "OAK-2", "title": "two"}]}"#;
    let changed = catalog.admin("PATCH", &path, Some(&tag), change).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["title"], "Walnut table");
    assert_eq!(changed.json()["brand"], "Elm", "what is absent stays");
    assert_eq!(changed.json()["variants"][1]["sku"], "OAK-2");
    assert_eq!(changed.header("etag"), "\"2\"");
    let found = catalog.get("/v1/products?q=walnut%20table").await.json();
    assert!(found["items"].as_array().unwrap().iter().any(|i| i["title"] == "Walnut table"), "{found}");

    assert_eq!(catalog.admin("DELETE", &path, Some("\"2\""), "").await.status, 204);
    catalog.get(&path).await.is_problem(404, "product-not-found");
    catalog.admin("DELETE", &path, Some("\"3\""), "").await.is_problem(404, "product-not-found");
    catalog.admin("POST", "/v1/products", None, &table("OAK-2")).await.is_problem(409, "sku-taken");
    Ok(())
}

#[tokio::test]
async fn a_blind_write_is_428_and_a_stale_one_412_and_neither_writes() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    for method in ["PATCH", "DELETE"] {
        catalog.admin(method, &path, None, "{}").await.is_problem(428, "precondition-required");
        catalog.admin(method, &path, Some("\"9\""), "{}").await.is_problem(412, "stale");
        catalog.admin(method, &path, Some("W/\"1\""), "{}").await.is_problem(412, "stale");
    }
    assert_eq!(catalog.get(&path).await.header("etag"), tag);
    Ok(())
}

#[tokio::test]
async fn of_many_writers_with_the_same_tag_one_wins() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    let bodies: Vec<String> = (0..12).map(|i| format!(r#"{{"title": "writer {i}"}}"#)).collect();
    let answers = join_all(bodies.iter().map(|body| catalog.admin("PATCH", &path, Some(&tag), body))).await;
    let won = answers.iter().filter(|a| a.status == 200).count();
    let stale = answers.iter().filter(|a| a.status == 412).count();
    assert_eq!((won, stale), (1, 11));
    assert_eq!(catalog.get(&path).await.header("etag"), "\"2\"");
    Ok(())
}

#[tokio::test]
async fn without_the_token_nothing_is_written_and_nothing_is_learned() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    let json = ("content-type", "application/json");
    for token in [None, Some("Bearer wrong"), Some("Basic let-me-in"), Some("Bearer ")] {
        let mut headers = vec![json, ("if-match", tag.as_str())];
        headers.extend(token.map(|t| ("authorization", t)));
        for (method, path) in [("POST", "/v1/products"), ("PATCH", path.as_str()), ("DELETE", path.as_str())] {
            let answer = catalog.send(method, path, &headers, "not even json").await?;
            answer.is_problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(catalog.get(&path).await.header("etag"), tag);
    Ok(())
}

#[tokio::test]
async fn a_refused_write_leaves_no_half_of_it() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    let clash =
        r#"{"title": "changed", "variants": [{"sku": "NEW-1", "title": "a"}, {"sku": "P00000-1", "title": "b"}]}"#;
    catalog.admin("PATCH", &path, Some(&tag), clash).await.is_problem(409, "sku-taken");
    let read = catalog.get(&path).await;
    assert_eq!((read.header("etag"), read.json()["title"].as_str()), (tag.as_str(), Some("Oak table")));
    assert_eq!(read.json()["variants"][0]["sku"], "OAK-1");
    let elsewhere = r#"{"category": "nowhere", "title": "changed"}"#;
    catalog.admin("PATCH", &path, Some(&tag), elsewhere).await.is_problem(400, "unknown-category");
    assert_eq!(catalog.get(&path).await.json()["title"], "Oak table");
    Ok(())
}

#[tokio::test]
async fn bad_bodies_are_client_errors() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let big = format!(r#"{{"title": "{}"}}"#, "x".repeat(70_000));
    let cases: [(&str, u16, &str); 10] = [
        ("", 400, "bad-body"),
        ("{", 400, "bad-body"),
        (&deep, 422, "bad-body"),
        (&big, 413, "bad-body"),
        (r#"{"title": "x"}"#, 422, "bad-body"),
        (&table("A-1").replace("\"title\"", "\"id\": 7, \"title\""), 422, "bad-body"),
        (&table("a-1"), 422, "invalid-field"),
        (&table("A-1").replace("Oak table", "\\u0000"), 422, "invalid-field"),
        (&table("A-1").replace("\"tables\"", "\"no\\u0000where\""), 422, "invalid-field"),
        (&table("A-1").replace("\"tables\"", "\"nowhere\""), 400, "unknown-category"),
    ];
    for (body, status, slug) in cases {
        catalog.admin("POST", "/v1/products", None, body).await.is_problem(status, slug);
    }
    let token = format!("Bearer {}", crate::running::TOKEN);
    let form = [("authorization", token.as_str()), ("content-type", "text/plain")];
    catalog.send("POST", "/v1/products", &form, &table("A-1")).await?.is_problem(415, "bad-body");
    assert_eq!(catalog.get("/v1/products").await.json()["items"].as_array().unwrap().len(), 1);
    Ok(())
}
