//! A day of promotion at a shop in pods, squeezed into minutes: who comes, who was failed, and whether the books agree.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use loadgen::audit::{Places, Report, Terms, audit};
use loadgen::journey::people::{self, PeopleError};
use loadgen::journey::preset::Preset;
use loadgen::journey::run::Plan;
use loadgen::journey::verdict::Verdict;
use loadgen::journey::visit::Arrivals;
use loadgen::session::Assortment;

use crate::pods::{PROMOTED, PodShop};

/// Replicas that the promotion asks of each promoted service at least.
pub const FLOOR: usize = 2;
/// What the preset brings over an ordinary day.
const UPLIFT: &str = "3";
/// Customers with accounts. All visitors have one address on the way in, which may open ten accounts at once.
const CUSTOMERS: u32 = 8;
/// Ordinary visitors per second: five calls a second, and three times as many in the promotion.
const VISITORS: f64 = 1.2;

/// A day with a promotion, which is announced as `flash`.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    /// Length of the promotion: two thirds of the day, of which a sixth comes before it.
    pub promotion: Duration,
    /// The same seed brings the same visitors.
    pub seed: u64,
}

impl Day {
    /// From the first visitor to the promotion.
    pub fn morning(self) -> Duration {
        self.promotion / 4
    }

    /// Arguments of `presale` that announce the promotion; `start` as the command line takes it.
    pub fn announcement(self, start: &str) -> Vec<String> {
        let (lasts, floor) = (format!("{}s", self.promotion.as_secs()), FLOOR.to_string());
        let create = ["promo", "create", "flash", "--start", start, "--duration", &lasts];
        let asks = ["--uplift", UPLIFT, "--floor", &floor, "--ready-before", "10s"];
        let whom = PROMOTED.iter().flat_map(|(service, _)| ["--service", *service]);
        create.into_iter().chain(asks).chain(whom).map(str::to_owned).collect()
    }

    /// Who comes.
    ///
    /// # Errors
    /// Where the shop sells nothing.
    pub fn plan(self, shop: &PodShop) -> anyhow::Result<Plan> {
        let duration = self.promotion.as_secs_f64() * 1.5;
        Ok(Plan {
            arrivals: Arrivals { preset: Preset::Promo, rate: VISITORS, duration, variation: 0.1, seed: self.seed },
            assortment: Assortment::new(shop.products, 1.0).context("a shop without products")?,
            target: shop.gateway,
            customers: CUSTOMERS,
            think: 0.7,
            timeout: Duration::from_secs(10),
            settle: Duration::from_mins(1),
        })
    }
}

/// Opens the accounts of a day's customers.
///
/// # Errors
/// Where one cannot be opened within a minute.
pub async fn arrive(shop: &PodShop) -> Result<(), PeopleError> {
    people::open(shop.gateway, CUSTOMERS).await
}

/// Failed calls by kind, but for those of who came too often: on this way in all visitors have one address.
pub fn failed(verdict: &Verdict) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for (kind, count) in verdict.classes.values().flat_map(|judged| &judged.failed) {
        if *kind != "limited" {
            *all.entry(*kind).or_default() += count;
        }
    }
    all
}

/// Looks into the books of the shop whose file of places this is, once it rests; a minute at most.
///
/// # Errors
/// Where a part of the shop does not answer.
pub async fn audited(places: &Path) -> anyhow::Result<Report> {
    let terms = Terms { within: Duration::from_mins(1), deadline: Duration::from_mins(10), strangers: 5 };
    Ok(audit(&Places::read(places)?, terms).await?)
}
