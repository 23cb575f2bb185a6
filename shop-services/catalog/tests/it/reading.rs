//! Listings, searches, categories and single products as anyone reads them.

use std::collections::HashSet;

use serde_json::Value;
use shop_contracts::demo::{CATEGORIES, product_id};

use crate::running::{Catalog, start, start_seeded};

async fn ids_of_all_pages(catalog: &Catalog, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    for _ in 0..100 {
        let page = catalog.get(&format!("/v1/products?{query}{cursor}")).await.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            None => return ids,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
    panic!("more than 100 pages");
}

#[tokio::test]
async fn pages_hold_every_product_once_newest_first() -> anyhow::Result<()> {
    let catalog = start_seeded(230).await?;
    let ids = ids_of_all_pages(&catalog, "limit=50").await;
    let expected: Vec<String> = (0..230).rev().map(|i| product_id(i).to_string()).collect();
    assert_eq!(ids, expected);
    Ok(())
}

#[tokio::test]
async fn a_product_created_between_two_pages_shifts_nothing() -> anyhow::Result<()> {
    let catalog = start_seeded(20).await?;
    let first = catalog.get("/v1/products?limit=10").await.json();
    let body =
        r#"{"title":"New","description":"","brand":"B","category":"tables","variants":[{"sku":"N-1","title":"one"}]}"#;
    assert_eq!(catalog.admin("POST", "/v1/products", None, body).await.status, 201);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = catalog.get(&format!("/v1/products?limit=10&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["id"], product_id(9).to_string());
    assert_eq!(second["items"].as_array().unwrap().len(), 10);
    assert_eq!(second["next_cursor"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_department_lists_what_its_categories_list() -> anyhow::Result<()> {
    let catalog = start_seeded(400).await?;
    let mut below = HashSet::new();
    for category in CATEGORIES.iter().filter(|c| c.department.0 == "kitchen") {
        let ids = ids_of_all_pages(&catalog, &format!("limit=100&category={}", category.slug)).await;
        below.extend(ids);
    }
    let department: HashSet<_> = ids_of_all_pages(&catalog, "limit=7&category=kitchen").await.into_iter().collect();
    assert!(!below.is_empty() && below.len() < 400);
    assert_eq!(department, below);
    Ok(())
}

#[tokio::test]
async fn a_search_finds_by_stem_marks_what_it_found_and_pages_without_repeating() -> anyhow::Result<()> {
    let catalog = start_seeded(2_000).await?;
    let page = catalog.get("/v1/products?q=tables&limit=5").await.json();
    let first = &page["items"][0];
    let title = first["title"].as_str().unwrap().to_lowercase();
    assert!(title.contains("table"), "{first}");
    let ids = ids_of_all_pages(&catalog, "q=oak&limit=10").await;
    assert!(ids.len() > 50, "{}", ids.len());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    let marked = catalog.get("/v1/products?q=drawings&limit=1").await.json();
    let (item, mark) = (&marked["items"][0], &marked["items"][0]["marks"][0]);
    assert!(mark.is_object(), "{item}");
    let excerpt = item["excerpt"].as_str().unwrap();
    let bytes = excerpt
        .bytes()
        .zip(0u64..)
        .filter(|(_, at)| mark["start"].as_u64() <= Some(*at) && Some(*at) < mark["end"].as_u64());
    assert_eq!(bytes.map(|(byte, _)| char::from(byte)).collect::<String>(), "drawings");
    assert_eq!(catalog.get("/v1/products?q=unobtainium").await.json()["items"], Value::Array(vec![]));
    Ok(())
}

#[tokio::test]
async fn listings_are_compressed_for_those_who_ask() -> anyhow::Result<()> {
    let catalog = start_seeded(50).await?;
    let plain = catalog.get("/v1/products").await;
    let small = catalog.send("GET", "/v1/products", &[("accept-encoding", "gzip")], "").await?;
    assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"));
    assert!(small.body.len() * 2 < plain.body.len(), "{} and {} bytes", small.body.len(), plain.body.len());
    Ok(())
}

#[tokio::test]
async fn a_product_comes_with_a_strong_tag_that_saves_the_second_transfer() -> anyhow::Result<()> {
    let catalog = start_seeded(3).await?;
    let path = format!("/v1/products/{}", product_id(1));
    let first = catalog.get(&path).await;
    assert_eq!((first.status, first.header("etag")), (200, "\"1\""));
    assert_eq!(first.json()["variants"][0]["sku"], "P00001-1");
    let again = catalog.send("GET", &path, &[("if-none-match", "\"1\"")], "").await?;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(catalog.send("GET", &path, &[("if-none-match", "\"0\"")], "").await?.status, 200);
    catalog.get(&format!("/v1/products/{}", product_id(9))).await.is_problem(404, "product-not-found");
    catalog.get("/v1/products/7").await.is_problem(400, "bad-path");
    Ok(())
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_with_what_would_pass() -> anyhow::Result<()> {
    let catalog = start().await?;
    for limit in ["0", "101"] {
        let detail = catalog.get(&format!("/v1/products?limit={limit}")).await.is_problem(400, "bad-request");
        assert!(detail.contains("1 to 100 pass"), "{detail}");
    }
    catalog.get("/v1/products?limit=-1").await.is_problem(400, "bad-query");
    catalog.get("/v1/products?colour=red").await.is_problem(400, "bad-query");
    catalog.get("/v1/products?cursor=zzz").await.is_problem(400, "bad-cursor");
    let plain = format!("n{}", product_id(1).simple());
    catalog.get(&format!("/v1/products?q=oak&cursor={plain}")).await.is_problem(400, "bad-cursor");
    catalog.get("/v1/products?category=nowhere").await.is_problem(400, "unknown-category");
    catalog.get("/v1/products?category=%00").await.is_problem(400, "unknown-category");
    catalog.get("/v1/products?q=%00").await.is_problem(400, "bad-request");
    catalog.get(&format!("/v1/products?q={}", "x".repeat(101))).await.is_problem(400, "bad-request");
    catalog.get("/nowhere").await.is_problem(404, "no-route");
    catalog.send("PUT", "/v1/products", &[], "").await?.is_problem(405, "method-not-allowed");
    Ok(())
}

#[tokio::test]
async fn categories_name_their_department() -> anyhow::Result<()> {
    let catalog = start_seeded(1).await?;
    let categories = catalog.get("/v1/categories").await.json();
    let categories = categories.as_array().unwrap();
    assert_eq!(categories.len(), CATEGORIES.len() + 6);
    let tables = categories.iter().find(|c| c["slug"] == "tables").unwrap();
    assert_eq!(tables["parent"], "living");
    Ok(())
}

#[tokio::test]
async fn seeding_twice_writes_once() -> anyhow::Result<()> {
    let catalog = start().await?;
    assert_eq!(catalog.seed(1_500).await?, 1_500);
    assert_eq!(catalog.seed(1_600).await?, 100);
    Ok(())
}
