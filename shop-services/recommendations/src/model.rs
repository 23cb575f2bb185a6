//! The model: which products the same people took, and what many take. Pure functions of the history and an instant.
//!
//! **Source**: item-based collaborative filtering with cosine similarity (Sarwar, Karypis, Konstan, Riedl: Item-Based
//! Collaborative Filtering Recommendation Algorithms, 2001), people of long histories counted less (inverse user
//! frequency: Breese, Heckerman, Kadie: Empirical Analysis of Predictive Algorithms, 1998), similarities of rare pairs
//! shrunk towards nothing.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

/// Neighbours that are kept of each product.
pub const NEIGHBOURS: usize = 30;
/// Products that are kept of what many take.
pub const POPULAR: usize = 200;
/// What lies in a cart counts less than what was bought.
const COLLECTED: f32 = 0.3;
/// Time after which a purchase counts half for popularity, in seconds.
const HALF_LIFE: f64 = 14.0 * 86_400.0;
/// Evidence that a pair must have before it counts fully.
const SHRINKAGE: f32 = 2.0;
/// Products of one person that count at most, the youngest: who takes everything says nothing.
const LONGEST: usize = 200;

/// What one person took at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// Whoever has the same took both.
    pub person: Uuid,
    /// Bought, or only collected.
    pub bought: bool,
    /// When.
    pub at: Timestamp,
    /// Products.
    pub products: Vec<Uuid>,
}

/// A product and how much speaks for it, more than 0.
pub type Scored = (Uuid, f32);

/// What was learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// By product: what goes with it, the best first.
    pub neighbours: BTreeMap<Uuid, Vec<Scored>>,
    /// What many take, the best first.
    pub popular: Vec<Scored>,
}

/// People by products, as rows of numbers.
struct Matrix {
    products: Vec<Uuid>,
    /// By person: products and weights.
    people: Vec<Vec<(u32, f32)>>,
    /// By product: persons and weights.
    takers: Vec<Vec<(u32, f32)>>,
}

/// Learns from baskets in any order, as of `now`.
pub fn train(baskets: &[Basket], now: Timestamp) -> Model {
    let matrix = Matrix::new(baskets);
    Model { neighbours: matrix.neighbours(), popular: popular(baskets, now) }
}

/// What many take; purchases of two weeks ago count half.
pub fn popular(baskets: &[Basket], now: Timestamp) -> Vec<Scored> {
    let mut scores: BTreeMap<Uuid, f64> = BTreeMap::new();
    for basket in baskets {
        let age = (now.as_second() - basket.at.as_second()).max(0) as f64;
        let score = f64::from(weight(basket)) * (-age / HALF_LIFE).exp2();
        for product in &basket.products {
            *scores.entry(*product).or_default() += score;
        }
    }
    best(scores.into_iter().map(|(product, score)| (product, narrow(score))), POPULAR)
}

/// The best of them, the best first, those of equal score by their ids; what scores nothing is left out.
pub fn best(scored: impl Iterator<Item = Scored>, limit: usize) -> Vec<Scored> {
    let mut scored: Vec<Scored> = scored.filter(|(_, score)| *score > 0.0).collect();
    scored.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    scored.truncate(limit);
    scored
}

fn weight(basket: &Basket) -> f32 {
    if basket.bought { 1.0 } else { COLLECTED }
}

#[expect(clippy::cast_possible_truncation, reason = "scores need no more than 24 bits")]
fn narrow(score: f64) -> f32 {
    score as f32
}

impl Matrix {
    fn new(baskets: &[Basket]) -> Self {
        let mut products: Vec<Uuid> = baskets.iter().flat_map(|b| b.products.iter().copied()).collect();
        products.sort_unstable();
        products.dedup();
        let place: HashMap<Uuid, u32> = products.iter().copied().zip(0..).collect();
        let mut youngest: Vec<&Basket> = baskets.iter().collect();
        youngest.sort_by_key(|b| (std::cmp::Reverse(b.at), b.person));
        let mut rows: BTreeMap<Uuid, BTreeMap<u32, f32>> = BTreeMap::new();
        for basket in youngest {
            let row = rows.entry(basket.person).or_default();
            for product in basket.products.iter().filter_map(|product| place.get(product)) {
                let full = row.len() >= LONGEST;
                match row.get_mut(product) {
                    Some(known) => *known = known.max(weight(basket)),
                    None if full => {}
                    None => {
                        row.insert(*product, weight(basket));
                    }
                }
            }
        }
        let people: Vec<Vec<(u32, f32)>> = rows.into_values().map(|row| row.into_iter().collect()).collect();
        let mut takers = vec![Vec::new(); products.len()];
        for (row, person) in people.iter().zip(0..) {
            for (product, weight) in row {
                takers[*product as usize].push((person, *weight));
            }
        }
        Self { products, people, takers }
    }

    /// One product after the other, so that memory grows with the history and not with the pairs.
    fn neighbours(&self) -> BTreeMap<Uuid, Vec<Scored>> {
        let lengths: Vec<f32> = (0..self.products.len()).map(|product| self.length(product)).collect();
        let mut found = BTreeMap::new();
        let mut together = vec![0.0_f32; self.products.len()];
        for (product, id) in self.products.iter().enumerate() {
            let mut touched = Vec::new();
            for (person, weight) in &self.takers[product] {
                let row = &self.people[*person as usize];
                for (other, others) in row.iter().filter(|(other, _)| *other as usize != product) {
                    if together[*other as usize] == 0.0 {
                        touched.push(*other);
                    }
                    together[*other as usize] += weight * others * frequency(row.len());
                }
            }
            let scored = touched.into_iter().map(|other| {
                let (at, both) = (other as usize, std::mem::take(&mut together[other as usize]));
                (self.products[at], both / ((lengths[product] * lengths[at]).sqrt() + SHRINKAGE))
            });
            let neighbours = best(scored, NEIGHBOURS);
            if !neighbours.is_empty() {
                found.insert(*id, neighbours);
            }
        }
        found
    }

    /// The square of a column's length.
    fn length(&self, product: usize) -> f32 {
        self.takers[product]
            .iter()
            .map(|(person, weight)| weight * weight * frequency(self.people[*person as usize].len()))
            .sum()
    }
}

/// How much a person counts who took so many products.
fn frequency(products: usize) -> f32 {
    1.0 / (1.0 + products as f32).ln().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn basket(person: u128, bought: bool, day: i64, products: &[u128]) -> Basket {
        Basket {
            person: Uuid::from_u128(person),
            bought,
            at: Timestamp::from_second(day * DAY).unwrap(),
            products: products.iter().map(|p| Uuid::from_u128(*p)).collect(),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(100 * DAY).unwrap()
    }

    fn ids(scored: &[Scored]) -> Vec<u128> {
        scored.iter().map(|(id, _)| id.as_u128()).collect()
    }

    #[test]
    fn what_the_same_people_take_goes_together_however_popular_the_rest_is() {
        let mut history = Vec::new();
        for person in 0..20 {
            history.push(basket(person, true, 90, &[9]));
        }
        for person in 0..5 {
            history.push(basket(person, true, 91, &[1]));
            history.push(basket(person, true, 92, &[2]));
        }
        let model = train(&history, now());
        assert_eq!(ids(&model.neighbours[&Uuid::from_u128(1)])[0], 2, "across baskets of one person");
        assert_eq!(ids(&model.neighbours[&Uuid::from_u128(2)])[0], 1);
        assert_eq!(ids(&model.popular), [9, 2, 1]);
        assert!(model.neighbours.values().flatten().all(|(_, score)| *score > 0.0 && *score <= 1.0));
    }

    #[test]
    fn what_was_bought_counts_more_than_what_lies_in_a_cart_and_young_more_than_old() {
        let history = [basket(1, false, 99, &[1, 2]), basket(2, true, 99, &[1, 3]), basket(3, true, 10, &[4])];
        let model = train(&history, now());
        assert_eq!(ids(&model.neighbours[&Uuid::from_u128(1)]), [3, 2]);
        assert_eq!(ids(&model.popular), [1, 3, 2, 4]);
    }

    #[test]
    fn the_same_history_in_another_order_is_the_same_model_and_no_history_an_empty_one() {
        let mut history: Vec<Basket> = (0..40)
            .map(|n| basket(n % 7, n % 3 > 0, i64::try_from(n).unwrap(), &[n % 5, n % 11, 20 + n % 3]))
            .collect();
        let model = train(&history, now());
        history.reverse();
        assert_eq!(ids(&train(&history, now()).popular), ids(&model.popular));
        assert_eq!(train(&history, now()).neighbours, model.neighbours);
        assert_eq!(train(&[], now()), Model::default());
    }

    #[test]
    fn nobody_of_a_single_product_makes_neighbours() {
        let model = train(&[basket(1, true, 99, &[1]), basket(2, true, 99, &[2])], now());
        assert!(model.neighbours.is_empty());
        assert_eq!(model.popular.len(), 2);
    }
}
