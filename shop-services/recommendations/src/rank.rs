//! From votes to a list: what speaks for each product is summed up, what is known is left out, and where the model
//! knows too little, what many take fills the rest.

use std::collections::{BTreeMap, BTreeSet};

use shop_contracts::recommendations::RecommendationSource;
use uuid::Uuid;

use crate::model::{Scored, best};

/// Ranks products by the sum of their votes, without those `seen`, and fills up with `popular` in its order.
pub fn rank(
    votes: impl IntoIterator<Item = Scored>,
    popular: impl IntoIterator<Item = Uuid>,
    seen: &BTreeSet<Uuid>,
    limit: usize,
) -> (RecommendationSource, Vec<Uuid>) {
    let mut sums: BTreeMap<Uuid, f32> = BTreeMap::new();
    for (product, score) in votes {
        if !seen.contains(&product) {
            *sums.entry(product).or_default() += score;
        }
    }
    let mut ranked: Vec<Uuid> = best(sums.into_iter(), limit).into_iter().map(|(product, _)| product).collect();
    let of_model = !ranked.is_empty();
    for product in popular {
        if ranked.len() >= limit {
            break;
        }
        if !seen.contains(&product) && !ranked.contains(&product) {
            ranked.push(product);
        }
    }
    let source = match (of_model, ranked.is_empty()) {
        (true, _) => RecommendationSource::Model,
        (false, false) => RecommendationSource::Popular,
        (false, true) => RecommendationSource::Empty,
    };
    (source, ranked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(votes: &[(u128, f32)], popular: &[u128], seen: &[u128]) -> (RecommendationSource, Vec<u128>) {
        let id = Uuid::from_u128;
        let votes = votes.iter().map(|(product, score)| (id(*product), *score));
        let seen = seen.iter().copied().map(id).collect();
        let (source, products) = rank(votes, popular.iter().copied().map(id), &seen, 3);
        (source, products.iter().map(Uuid::as_u128).collect())
    }

    #[test]
    fn votes_add_up_what_was_seen_is_left_out_and_the_rest_is_filled() {
        let votes = [(1, 0.4), (2, 0.3), (2, 0.3), (3, 0.9)];
        assert_eq!(ranked(&votes, &[7, 2, 8, 9], &[3, 7]), (RecommendationSource::Model, vec![2, 1, 8]));
    }

    #[test]
    fn it_is_said_where_a_list_comes_from() {
        assert_eq!(ranked(&[], &[7, 8], &[7]), (RecommendationSource::Popular, vec![8]));
        assert_eq!(ranked(&[(7, 1.0)], &[7], &[7]), (RecommendationSource::Empty, vec![]));
    }
}
