//! Who comes when and asks for what: sessions of people and single requests of crawlers, a pure function of the model,
//! the seed and the minute, so that every run and every past replays exactly.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma, Poisson, Zipf};
use shop_contracts::demo::{ADJECTIVES, CATEGORIES, NOUNS, noun, product_id};

use crate::rate::RateModel;

/// Longest a session can last: four thoughts at their cap.
pub const LONGEST_SESSION: f64 = 4.0 * THINK_CAP;
/// Longest thought, as a multiple of the mean.
const THINK_CAP: f64 = 10.0 * 7.0;
/// Calls of a person's session on average: the home page and 1 to 4 more.
const CALLS_PER_SESSION: f64 = 3.5;

/// What one call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Page {
    /// First page of the newest products.
    Home,
    /// A search of one or two words.
    Search,
    /// First page of a category.
    Category,
    /// One product.
    Product,
}

impl Page {
    /// Route template that answers it.
    pub const fn route(self) -> &'static str {
        match self {
            Self::Home | Self::Search | Self::Category => "/v1/products",
            Self::Product => "/v1/products/{id}",
        }
    }
}

/// One call of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// When it is meant to start, seconds since 1970.
    pub at: f64,
    /// What it asks for.
    pub page: Page,
    /// Which one of those: bits that [`Assortment::path`] turns into a path.
    pub choice: u64,
    /// Asked by a crawler, which knows no favourites.
    pub crawler: bool,
}

/// One visitor on one connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// In order of time, at least one.
    pub calls: Vec<Call>,
}

/// Who comes: the model, the seed, and how long people think.
#[derive(Debug, Clone, PartialEq)]
pub struct Visitors {
    /// Requests per second over time.
    pub rate: RateModel,
    /// The same seed brings the same visitors.
    pub seed: u64,
    /// Mean thought between two calls, seconds; capped at ten times that, and at 70 s.
    pub think: f64,
}

impl Visitors {
    /// Sessions that begin in this minute since 1970, in no particular order.
    ///
    /// Arrivals are Poisson around the model; the whole minute is scaled by one draw from a Gamma distribution with
    /// mean 1, which makes busy minutes busier than chance.
    pub fn sessions(&self, minute: i64) -> Vec<Session> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(minute.unsigned_abs());
        let mood = mood(self.rate.variation, &mut rng);
        let mut sessions = Vec::new();
        for second in 0..60 {
            let from = minute as f64 * 60.0 + f64::from(second);
            let middle = from + 0.5;
            for _ in 0..count(self.rate.people(middle) * mood / CALLS_PER_SESSION, &mut rng) {
                let start = from + rng.random::<f64>();
                sessions.push(self.person(start, &mut rng));
            }
            for _ in 0..count(self.rate.crawlers(middle) * mood, &mut rng) {
                let at = from + rng.random::<f64>();
                let page = if rng.random_bool(0.8) { Page::Product } else { Page::Category };
                sessions.push(Session { calls: vec![Call { at, page, choice: rng.next_u64(), crawler: true }] });
            }
        }
        sessions
    }

    fn person(&self, start: f64, rng: &mut ChaCha8Rng) -> Session {
        let more = rng.random_range(1..=4);
        let mut at = start;
        let mut calls = Vec::with_capacity(1 + more);
        calls.push(Call { at, page: Page::Home, choice: 0, crawler: false });
        for _ in 0..more {
            let thought: f64 = Exp1.sample(rng);
            at += (thought.min(10.0) * self.think).min(THINK_CAP);
            let page = match rng.random_range(0..20) {
                0..6 => Page::Search,
                6..11 => Page::Category,
                _ => Page::Product,
            };
            calls.push(Call { at, page, choice: rng.next_u64(), crawler: false });
        }
        Session { calls }
    }
}

/// How much busier than the model a minute is: mean 1, and this coefficient of variation.
pub(crate) fn mood(variation: f64, rng: &mut ChaCha8Rng) -> f64 {
    let shape = 1.0 / variation.powi(2);
    // No variation: the shape is infinite and every minute is as the model says.
    Gamma::new(shape, 1.0 / shape).ok().filter(|_| shape.is_finite()).map_or(1.0, |gamma| gamma.sample(rng))
}

/// How many come where `mean` come on average.
pub(crate) fn count(mean: f64, rng: &mut ChaCha8Rng) -> u32 {
    // A mean that is not positive (or not a number) brings nobody.
    let drawn = Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(rng));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, clamped to what u32 holds")]
    let count = drawn.clamp(0.0, 1e9) as u32;
    count
}

/// What there is to ask for: the first `products` of the demonstration assortment.
#[derive(Debug, Clone, Copy)]
pub struct Assortment {
    products: u32,
    popularity: Zipf<f64>,
}

impl Assortment {
    /// Popularity falls with the rank to the power of `skew`: 1 on normal days, 2 in a sale.
    ///
    /// Returns `None` where there are no products or the skew is negative.
    pub fn new(products: u32, skew: f64) -> Option<Self> {
        let popularity = Zipf::new(f64::from(products.max(1)), skew).ok()?;
        (products > 0).then_some(Self { products, popularity })
    }

    /// Path and query of a call.
    pub fn path(&self, call: &Call) -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(call.choice);
        match call.page {
            Page::Home => "/v1/products".to_owned(),
            Page::Category => {
                let category = &CATEGORIES[rng.random_range(0..CATEGORIES.len())];
                let slug = if rng.random_bool(0.3) { category.department.0 } else { category.slug };
                format!("/v1/products?category={slug}")
            }
            Page::Search => {
                let noun = noun(rng.random_range(0..NOUNS));
                if rng.random_bool(0.5) {
                    return format!("/v1/products?q={noun}");
                }
                format!("/v1/products?q={}%20{noun}", ADJECTIVES[rng.random_range(0..ADJECTIVES.len())])
            }
            Page::Product => format!("/v1/products/{}", product_id(self.product(call.crawler, &mut rng))),
        }
    }

    /// Index of a product: a favourite of people, any one of crawlers.
    pub(crate) fn product(&self, crawler: bool, rng: &mut ChaCha8Rng) -> u32 {
        if crawler {
            return rng.random_range(0..self.products);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank in 1..=products")]
        let rank = self.popularity.sample(rng) as u32;
        // Ranks are spread over the assortment: 7919 is prime and no divisor of common assortment sizes.
        let spread = u64::from(rank.saturating_sub(1)) * 7919 % u64::from(self.products);
        u32::try_from(spread).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Level;

    fn visitors(rate: f64, variation: f64) -> Visitors {
        let rate = RateModel {
            level: Level::Flat(rate),
            rises: Vec::new(),
            events: Vec::new(),
            anchor: 0.0,
            crawlers: 0.25,
            variation,
        };
        Visitors { rate, seed: 7, think: 7.0 }
    }

    fn per_minute(visitors: &Visitors, minutes: i64) -> Vec<f64> {
        let calls = |m| visitors.sessions(m).iter().map(|s| s.calls.len()).sum::<usize>() as f64;
        (0..minutes).map(calls).collect()
    }

    #[test]
    fn a_minute_replays_exactly_and_no_two_are_alike() {
        let visitors = visitors(30.0, 0.15);
        assert_eq!(visitors.sessions(29_000_000), visitors.sessions(29_000_000));
        assert_ne!(visitors.sessions(29_000_000), visitors.sessions(29_000_001));
    }

    #[test]
    fn calls_per_second_average_to_the_rate_and_vary_as_told() {
        let counts = per_minute(&visitors(40.0, 0.15), 600);
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let sd = (counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / counts.len() as f64).sqrt();
        assert!((mean / 60.0 - 40.0).abs() < 1.0, "{mean}");
        // 0.15 by the minutes and about 1.9 / sqrt(2400) by chance of sessions.
        assert!((sd / mean - 0.155).abs() < 0.02, "{}", sd / mean);
    }

    #[test]
    fn without_variation_only_chance_is_left() {
        let counts = per_minute(&visitors(40.0, 0.0), 300);
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let sd = (counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / counts.len() as f64).sqrt();
        assert!(sd / mean < 0.06, "{}", sd / mean);
    }

    #[test]
    fn sessions_last_no_longer_than_promised_and_their_calls_are_in_order() {
        for session in (0..50).flat_map(|m| visitors(40.0, 0.15).sessions(m)) {
            let times: Vec<f64> = session.calls.iter().map(|c| c.at).collect();
            assert!(times.is_sorted() && times[times.len() - 1] - times[0] <= LONGEST_SESSION);
        }
    }

    #[test]
    fn people_have_favourites_and_crawlers_have_none() {
        let assortment = Assortment::new(1_000, 1.0).unwrap();
        let distinct = |crawler| {
            let call = |choice| Call { at: 0.0, page: Page::Product, choice, crawler };
            (0..2_000).map(|c| assortment.path(&call(c))).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(distinct(false) < 600, "{}", distinct(false));
        assert!(distinct(true) > 800, "{}", distinct(true));
    }
}
