//! Generated people who buy: each has a few departments of taste, most things are bought by few and some by many, and
//! every fourth thing is bought for no reason at all.

use jiff::Timestamp;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shop_recommendations::model::Basket;
use uuid::Uuid;

/// Products, and the groups of which they are.
pub(crate) const PRODUCTS: usize = 600;
const GROUPS: usize = 30;
/// Groups that one person likes at most.
const TASTES: usize = 3;
/// Share of products that are bought whatever a person likes.
const WHIM: f64 = 0.25;
/// Time over which orders are spread, in seconds.
const SEASON: i64 = 60 * 86_400;

/// The history of so many people as of `end`; the same seed makes the same one.
pub(crate) fn history(people: u128, seed: u64, end: Timestamp) -> Vec<Basket> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut baskets = Vec::new();
    for person in 1..=people {
        let tastes: Vec<usize> = (0..random.random_range(1..=TASTES)).map(|_| random.random_range(0..GROUPS)).collect();
        for _ in 0..random.random_range(1..=6) {
            let at = Timestamp::from_second(end.as_second() - random.random_range(1..SEASON)).unwrap();
            let mut products: Vec<Uuid> =
                (0..random.random_range(1..=4)).map(|_| product(choose(&mut random, &tastes))).collect();
            products.sort_unstable();
            products.dedup();
            baskets.push(Basket { person: Uuid::from_u128(person), bought: true, at, products });
        }
    }
    baskets
}

/// Something that the person likes, or anything; of either the first are bought most, as Zipf found of words.
fn choose(random: &mut ChaCha8Rng, tastes: &[usize]) -> usize {
    if random.random_bool(WHIM) {
        return zipf(random, PRODUCTS);
    }
    let group = tastes.choose(random).copied().unwrap_or_default();
    group + GROUPS * zipf(random, PRODUCTS / GROUPS)
}

/// A rank from 0 to below `count`, the `r`-th with a weight of 1/(r+1).
fn zipf(random: &mut ChaCha8Rng, count: usize) -> usize {
    let total: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
    let mut left = random.random_range(0.0..total);
    (0..count)
        .find(|rank| {
            left -= 1.0 / (*rank + 1) as f64;
            left <= 0.0
        })
        .unwrap_or(count - 1)
}

fn product(number: usize) -> Uuid {
    Uuid::from_u128((1 << 64) | number as u128)
}
