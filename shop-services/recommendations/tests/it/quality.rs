//! How good the model is on people it has not seen buy: hit rate at 10 on held-out orders, against what many take.

use jiff::Timestamp;
use shop_recommendations::holdout::measure;

use crate::running::START;
use crate::shoppers::history;

/// People of each generated history.
const PEOPLE: u128 = 3_000;
const SEEDS: [u64; 3] = [1, 2, 3];

#[test]
fn the_model_foresees_more_of_the_next_orders_than_popularity_does() {
    let now = Timestamp::from_second(START).unwrap();
    for seed in SEEDS {
        let baskets = history(PEOPLE, seed, now);
        let rates = measure(&baskets, now).expect("people who bought twice");
        println!(
            "seed {seed}: {} orders of {PEOPLE} people, {} held out: hit rate at 10 is {:.1} % by the model, {:.1} % by popularity",
            baskets.len(),
            rates.orders,
            100.0 * rates.model,
            100.0 * rates.popular,
        );
        assert!(rates.model > rates.popular, "seed {seed}: {rates:?}");
    }
}
