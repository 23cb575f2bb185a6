//! How good a model is: each person's last order is held out, and counts as a hit where one of its products is among
//! the ten that would have been recommended before it.
//!
//! **Source**: hit rate at N with leave-one-out, as Deshpande and Karypis: Item-Based Top-N Recommendation Algorithms
//! (2004), with whole orders instead of single products.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{Basket, Model, train};
use crate::rank::rank;

/// How many are recommended.
pub const AT: usize = 10;

/// Shares of held-out orders that were hit, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HitRates {
    /// Orders held out.
    pub orders: usize,
    /// Of the model, filled up with what many take.
    pub model: f64,
    /// Of what many take alone.
    pub popular: f64,
}

/// An order that was held out, and what its person had before.
struct HeldOut<'a> {
    order: &'a Basket,
    before: BTreeSet<Uuid>,
}

/// Holds out, trains on the rest as of `now`, and counts; `None` where nobody bought twice.
pub fn measure(baskets: &[Basket], now: Timestamp) -> Option<HitRates> {
    let (rest, held_out) = split(baskets);
    if held_out.is_empty() {
        return None;
    }
    let model = train(&rest, now);
    let (mut hits, mut popular_hits) = (0_usize, 0_usize);
    for held in &held_out {
        let hit = |list: &[Uuid]| list.iter().any(|product| held.order.products.contains(product));
        hits += usize::from(hit(&recommended(&model, &held.before)));
        popular_hits += usize::from(hit(&popular(&model, &held.before)));
    }
    let share = |hits: usize| hits as f64 / held_out.len() as f64;
    Some(HitRates { orders: held_out.len(), model: share(hits), popular: share(popular_hits) })
}

/// What somebody with this history is recommended.
fn recommended(model: &Model, before: &BTreeSet<Uuid>) -> Vec<Uuid> {
    let votes = before.iter().filter_map(|product| model.neighbours.get(product)).flatten().copied();
    rank(votes, model.popular.iter().map(|(product, _)| *product), before, AT).1
}

fn popular(model: &Model, before: &BTreeSet<Uuid>) -> Vec<Uuid> {
    rank([], model.popular.iter().map(|(product, _)| *product), before, AT).1
}

/// Of everybody who bought twice or more the last order, where it has something new; the carts of these people are left
/// out, too, for they tell what will be bought.
fn split(baskets: &[Basket]) -> (Vec<Basket>, Vec<HeldOut<'_>>) {
    let mut orders: BTreeMap<Uuid, Vec<&Basket>> = BTreeMap::new();
    for order in baskets.iter().filter(|basket| basket.bought) {
        orders.entry(order.person).or_default().push(order);
    }
    let (mut rest, mut held_out) = (Vec::new(), Vec::new());
    let mut examined = BTreeSet::new();
    for (person, mut of_person) in orders {
        of_person.sort_by_key(|order| order.at);
        if let Some((last, earlier)) = of_person.split_last().filter(|(_, earlier)| !earlier.is_empty()) {
            let before: BTreeSet<Uuid> = earlier.iter().flat_map(|order| order.products.iter().copied()).collect();
            if !last.products.iter().all(|product| before.contains(product)) {
                examined.insert(person);
                rest.extend(earlier.iter().map(|order| (*order).clone()));
                held_out.push(HeldOut { order: last, before });
                continue;
            }
        }
        rest.extend(of_person.into_iter().cloned());
    }
    rest.extend(baskets.iter().filter(|basket| !basket.bought && !examined.contains(&basket.person)).cloned());
    (rest, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(person: u128, bought: bool, second: i64, products: &[u128]) -> Basket {
        let products = products.iter().map(|p| Uuid::from_u128(*p)).collect();
        Basket { person: Uuid::from_u128(person), bought, at: Timestamp::from_second(second).unwrap(), products }
    }

    #[test]
    fn the_last_order_and_the_cart_before_it_are_not_learned_from() {
        let history = [
            basket(1, true, 3, &[3]),
            basket(1, true, 1, &[1]),
            basket(1, false, 2, &[3]),
            basket(2, true, 1, &[1]),
            basket(3, true, 1, &[1]),
            basket(3, true, 2, &[1]),
            basket(4, false, 1, &[5]),
        ];
        let (rest, held_out) = split(&history);
        assert_eq!(held_out.len(), 1, "one bought once, one nothing new, one nothing");
        assert_eq!((held_out[0].order, held_out[0].before.len()), (&history[0], 1));
        assert_eq!(rest.len(), 5);
        assert!(rest.iter().all(|basket| *basket != history[0] && *basket != history[2]));
    }

    #[test]
    fn nobody_who_bought_twice_is_no_measurement() {
        assert_eq!(measure(&[basket(1, true, 1, &[1])], Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_hit_is_counted_for_whoever_foresaw_it() {
        // Everybody who has 1 takes 2 next; many take 50 to 60.
        let mut history = Vec::new();
        for person in 0..10 {
            history.extend([basket(person, true, 1, &[1]), basket(person, true, 2, &[2])]);
        }
        for person in 100..200 {
            history.push(basket(person, true, 1, &[50 + person % 10]));
        }
        history.extend((20..24).map(|person| basket(person, true, 1, &[1, 2])));
        let rates = measure(&history, Timestamp::from_second(3).unwrap()).unwrap();
        assert_eq!(rates, HitRates { orders: 10, model: 1.0, popular: 0.0 });
    }
}
