//! The demonstration assortment: seeded products with plausible titles, descriptions and variants, written in bulk.

use std::collections::HashSet;

use jiff::Timestamp;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shop_contracts::catalog::Attributes;
use shop_contracts::demo::{ADJECTIVES, CATEGORIES, DemoCategory, MATERIALS, NOUNS, created_ms, product_id};
use shop_contracts::event::{PRODUCT_CREATED, ProductCreated};
use shop_kit::event::Event;
use shop_kit::{Database, DatabaseError};
use sqlx::types::Json;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

/// Products per statement.
const BATCH: u32 = 1_000;

const INSERT_CATEGORIES: &str = "\
INSERT INTO categories (id, slug, name, parent_id)
SELECT gen_random_uuid(), slug, name, (SELECT id FROM categories p WHERE p.slug = parent)
FROM unnest($1::text[], $2::text[], $3::text[]) AS c (slug, name, parent) ON CONFLICT (slug) DO NOTHING";

const INSERT_PRODUCTS: &str = "\
INSERT INTO products (id, title, description, brand, category_id, attributes, created_at, updated_at)
SELECT v.id, v.title, v.description, v.brand, c.id, v.attributes,
       to_timestamp(v.created_ms / 1000.0), to_timestamp(v.created_ms / 1000.0)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[])
     AS v (id, title, description, brand, category, attributes, created_ms)
JOIN categories c ON c.slug = v.category
ON CONFLICT (id) DO NOTHING RETURNING id";

const INSERT_VARIANTS: &str = "\
INSERT INTO variants (sku, product_id, position, title, attributes)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::smallint[], $4::text[], $5::jsonb[])
ON CONFLICT DO NOTHING";

/// Makers.
const BRANDS: [&str; 24] = [
    "Alder & Finch",
    "Birkwald",
    "Coastline",
    "Dovetail",
    "Eastbrook",
    "Fernhill",
    "Grayling",
    "Hearthside",
    "Ironvale",
    "Juniper Row",
    "Kestrel",
    "Larkfield",
    "Mooring",
    "Northgate",
    "Orchard Lane",
    "Pinecrest",
    "Quarry Works",
    "Redwing",
    "Saltmarsh",
    "Thistledown",
    "Umberland",
    "Valewood",
    "Westerly",
    "Yarrow",
];
const COLOURS: [&str; 12] =
    ["amber", "black", "charcoal", "cream", "forest", "indigo", "natural", "olive", "plum", "rust", "sand", "white"];
const SIZES: [&str; 4] = ["small", "medium", "large", "extra large"];

/// Sentences with places for adjective, material, noun and brand.
const SENTENCES: [&str; 16] = [
    "This {a} {n} is made of {m} and finished by hand.",
    "A {n} for every day: {a}, honest and easy to care for.",
    "{b} has built its {n} the same way for three generations.",
    "The {m} comes from certified sources within two hundred kilometres of the workshop.",
    "Wipe it with a damp cloth; the {m} grows more beautiful with the years.",
    "Its {a} lines go well with what you already own.",
    "Tested to carry twice the weight that anyone would ask of it.",
    "Comes assembled, in packaging that is made of paper alone.",
    "If a part wears out it can be replaced without tools.",
    "Designed for small rooms, it takes little space and gives much.",
    "The edges are rounded, so that children may run around it.",
    "Our customers say that it feels {a} and lasts for decades.",
    "Each {n} carries a number under which {b} keeps its drawings.",
    "The surface is oiled, not lacquered, and can be refreshed at home.",
    "Delivered within three days, and taken back within a hundred.",
    "Weight and size are given for the {n} without its packaging.",
];

/// Writes categories and the first `count` products; returns how many products were new.
///
/// # Errors
/// Where the database fails; batches that were committed stay.
pub async fn write(db: &Database, count: u32, seed: u64) -> Result<u64, DatabaseError> {
    let mut connection = db.connection().await?;
    categories(db, &mut connection).await?;
    let mut written = 0;
    for first in (0..count).step_by(BATCH as usize) {
        let batch: Vec<Seeded> = (first..count.min(first + BATCH)).map(|index| product(index, seed)).collect();
        let mut tx = db.measure("begin", connection.begin()).await?;
        let new = products(db, &mut tx, &batch).await?;
        variants(db, &mut tx, &batch).await?;
        let told: Vec<Event> = batch.iter().filter(|p| new.contains(&p.id)).filter_map(created).collect();
        Event::record_all(&told, db, &mut tx).await?;
        written += new.len() as u64;
        db.measure("commit", tx.commit()).await?;
    }
    db.measure("analyze", sqlx::query("ANALYZE products, variants, categories").execute(&mut *connection)).await?;
    Ok(written)
}

struct Seeded {
    index: u32,
    id: Uuid,
    title: String,
    description: String,
    brand: &'static str,
    category: &'static str,
    attributes: Attributes,
    variants: Vec<(String, String, Attributes)>,
}

/// The `index`-th product: a pure function of its arguments.
fn product(index: u32, seed: u64) -> Seeded {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(index));
    let at = rng.random_range(0..NOUNS);
    let category: &DemoCategory = &CATEGORIES[at / 4];
    let noun = category.nouns[at % 4];
    let (adjective, material, brand) =
        (pick(&mut rng, &ADJECTIVES), pick(&mut rng, &MATERIALS), pick(&mut rng, &BRANDS));
    let sentences = rng.random_range(6..=12);
    let description: Vec<String> = SENTENCES
        .choose_multiple(&mut rng, sentences)
        .map(|s| s.replace("{a}", adjective).replace("{m}", material).replace("{n}", noun).replace("{b}", brand))
        .collect();
    let attributes = [
        ("material", material.to_owned()),
        ("colour", pick(&mut rng, &COLOURS).to_owned()),
        ("weight", format!("{:.1} kg", rng.random_range(0.2..24.0))),
        ("origin", pick(&mut rng, &["Denmark", "Germany", "Italy", "Portugal", "Poland"]).to_owned()),
    ];
    let variants = (0..rng.random_range(1..=4)).map(|at: usize| {
        let (size, colour) = (SIZES[at], pick(&mut rng, &COLOURS));
        let own = Attributes::from([("size".to_owned(), size.to_owned()), ("colour".to_owned(), colour.to_owned())]);
        (format!("P{index:05}-{}", at + 1), format!("{size}, {colour}"), own)
    });
    Seeded {
        index,
        id: product_id(index),
        title: format!("{} {material} {noun}", capital(adjective)),
        description: description.join(" "),
        brand,
        category: category.slug,
        attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        variants: variants.collect(),
    }
}

fn pick(rng: &mut ChaCha8Rng, from: &[&'static str]) -> &'static str {
    from.choose(rng).copied().unwrap_or_default()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

async fn categories(db: &Database, connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let mut departments: Vec<(&str, &str)> = CATEGORIES.iter().map(|c| c.department).collect();
    departments.dedup();
    let departments = departments.into_iter().map(|(slug, name)| (slug, name, None));
    let below = CATEGORIES.iter().map(|c| (c.slug, c.name, Some(c.department.0)));
    for level in [departments.collect::<Vec<_>>(), below.collect()] {
        let slugs: Vec<&str> = level.iter().map(|c| c.0).collect();
        let names: Vec<&str> = level.iter().map(|c| c.1).collect();
        let parents: Vec<Option<&str>> = level.iter().map(|c| c.2).collect();
        let insert = sqlx::query(INSERT_CATEGORIES).bind(slugs).bind(names).bind(parents);
        db.measure("insert_categories", insert.execute(&mut *connection)).await?;
    }
    Ok(())
}

/// What is told of a new product. The same product is always told of by the same event, so that whoever has heard of
/// it does not hear of it twice.
fn created(product: &Seeded) -> Option<Event> {
    let at = Timestamp::from_millisecond(i64::try_from(created_ms(product.index)).ok()?).ok()?;
    let skus = product.variants.iter().map(|(sku, ..)| sku.clone()).collect();
    Event::new(event_id(product.id), PRODUCT_CREATED, at, &ProductCreated { product_id: product.id, skus }).ok()
}

/// Another id that is as old, and as hard to meet by chance.
fn event_id(product: Uuid) -> Uuid {
    let mut bytes = product.into_bytes();
    bytes[15] ^= 1;
    Uuid::from_bytes(bytes)
}

/// Ids of the products that were not there.
async fn products(db: &Database, tx: &mut PgConnection, batch: &[Seeded]) -> Result<HashSet<Uuid>, DatabaseError> {
    let created = batch.iter().map(|p| i64::try_from(created_ms(p.index)).unwrap_or(i64::MAX));
    let insert = sqlx::query_scalar::<_, Uuid>(INSERT_PRODUCTS)
        .bind(batch.iter().map(|p| p.id).collect::<Vec<_>>())
        .bind(batch.iter().map(|p| p.title.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|p| p.description.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|p| p.brand).collect::<Vec<_>>())
        .bind(batch.iter().map(|p| p.category).collect::<Vec<_>>())
        .bind(batch.iter().map(|p| Json(&p.attributes)).collect::<Vec<_>>())
        .bind(created.collect::<Vec<_>>());
    Ok(db.measure("insert_products", insert.fetch_all(tx)).await?.into_iter().collect())
}

async fn variants(db: &Database, tx: &mut PgConnection, batch: &[Seeded]) -> Result<(), DatabaseError> {
    let rows = || batch.iter().flat_map(|p| p.variants.iter().zip(0i16..).map(|(v, at)| (p.id, at, v)));
    let insert = sqlx::query(INSERT_VARIANTS)
        .bind(rows().map(|(_, _, v)| v.0.as_str()).collect::<Vec<_>>())
        .bind(rows().map(|(id, ..)| id).collect::<Vec<_>>())
        .bind(rows().map(|(_, at, _)| at).collect::<Vec<_>>())
        .bind(rows().map(|(_, _, v)| v.1.as_str()).collect::<Vec<_>>())
        .bind(rows().map(|(_, _, v)| Json(&v.2)).collect::<Vec<_>>());
    db.measure("insert_variants", insert.execute(tx)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_product_and_another_seed_another() {
        let (a, b, c) = (product(7, 1), product(7, 1), product(7, 2));
        assert_eq!((&a.title, &a.description), (&b.title, &b.description));
        assert_ne!(a.description, c.description);
        assert_eq!(a.id, c.id, "ids are known without a database");
        assert!(!a.description.contains('{') && !a.variants.is_empty());
    }
}
