//! What kind of day it is: how many come over the run, what they come for, and which robots are among them.
//!
//! A preset has a length of its own; a run of another length plays the whole of it, squeezed or stretched.
//!
//! **Source**: the presets `retailrocket` and `tpc-w` keep the ratios of the `RetailRocket` clickstream (100 views to
//! 2.6 cart additions to 0.84 purchases, 1.9 views per visitor) and of TPC-W's shopping mix (80 % browsing).

use clap::ValueEnum;
use serde::Serialize;

/// What a visitor comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Journey {
    /// Looks around and leaves.
    Browse,
    /// Fills a cart, asks what it costs, and leaves.
    Cart,
    /// Buys.
    Buy,
    /// Looks after orders and account, and sometimes cancels.
    Returning,
    /// Sends what must be refused: a bad coupon, a stale tag, somebody else's order.
    Abuse,
    /// Reads one page again and again before a sale opens.
    Refresh,
    /// A crawler: one page, any page.
    Crawl,
    /// A scalper's program: buys the hottest product as often as it can.
    Scalp,
    /// Somebody who tries stolen passwords.
    Stuff,
}

/// The kind of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// As always.
    Normal,
    /// A promotion: three times as many for two thirds of an hour.
    Promo,
    /// A flash sale: ten minutes of refreshing, ten times as many within half a minute, and an hour's third of decay.
    Flash,
    /// Three days of rise, the night before, a day of five to seven and a half times as many, a last evening.
    BlackFriday,
    /// The ratios of a recorded shop.
    Retailrocket,
    /// The write-heavy mix of an old benchmark.
    TpcW,
}

/// Shares of the journeys of people: browse, cart, buy, returning, abuse; they sum to 100.
type Mix = [f64; 5];

const PEOPLE: [Journey; 5] = [Journey::Browse, Journey::Cart, Journey::Buy, Journey::Returning, Journey::Abuse];
const NORMAL: Mix = [78.0, 14.0, 3.0, 4.0, 1.0];
const PROMOTED: Mix = [68.0, 18.0, 8.0, 4.0, 2.0];
const FLASH: Mix = [45.0, 20.0, 30.0, 3.0, 2.0];
/// 1.6 of 100 visitors buy, 4.9 fill a cart.
const RETAILROCKET: Mix = [95.1, 3.3, 1.6, 0.0, 0.0];
/// Their calls sum up to 80 % browsing and 20 % ordering.
const TPC_W: Mix = [82.0, 9.0, 6.0, 3.0, 0.0];

/// Calls of crawlers over all calls that read, on an ordinary day.
const CRAWLERS: f64 = 0.25;
/// Pages that a person looks at on average.
const PAGES: f64 = 3.5;
/// Attempts of scalpers over attempts to buy on an ordinary day, while a sale opens.
const SCALPERS: f64 = 20.0;
/// Tries of stolen passwords over logins on an ordinary day.
const STUFFING: f64 = 10.0;

impl Preset {
    /// Its own length, minutes.
    pub const fn minutes(self) -> f64 {
        match self {
            Self::Normal | Self::Promo | Self::Retailrocket | Self::TpcW => 60.0,
            Self::Flash => 30.0,
            Self::BlackFriday => 96.0 * 60.0,
        }
    }

    /// Visitors per ordinary visitor, `minute` minutes into it.
    pub fn factor(self, minute: f64) -> f64 {
        let line = |from: f64, to: f64, low: f64, high: f64| {
            low + (high - low) * ((minute - from) / (to - from)).clamp(0.0, 1.0)
        };
        match self {
            Self::Normal | Self::Retailrocket | Self::TpcW => 1.0,
            Self::Promo if minute < 30.0 => line(10.0, 12.0, 1.0, 3.0),
            Self::Promo => line(50.0, 55.0, 3.0, 1.0),
            // Before the sale the others refresh: see `refreshing`.
            Self::Flash if minute < 10.0 => 1.0,
            Self::Flash if minute < 10.5 => line(10.0, 10.5, 1.0, 10.0),
            Self::Flash => 1.0 + 9.0 * (-(minute - 10.5) / 6.0).exp(),
            Self::BlackFriday => {
                let hour = minute / 60.0;
                match hour {
                    ..68.0 => line(0.0, 72.0 * 60.0, 1.0, 3.0),
                    68.0..72.0 => line(0.0, 72.0 * 60.0, 1.0, 3.0) * 1.5,
                    72.0..83.0 => line(72.0 * 60.0, 72.0 * 60.0 + 2.0, 4.5, 5.0),
                    83.0..85.0 => 7.5,
                    85.0..92.0 => 5.0,
                    _ => 6.0,
                }
            }
        }
    }

    /// Whether a sale is on, so that demand gathers on few products.
    pub fn sale(self, minute: f64) -> bool {
        match self {
            Self::Normal | Self::Retailrocket | Self::TpcW => false,
            Self::Promo => (10.0..55.0).contains(&minute),
            Self::Flash => minute >= 10.0,
            Self::BlackFriday => minute >= 72.0 * 60.0,
        }
    }

    /// How many of each kind come per ordinary visitor, `minute` minutes into it.
    pub fn arrivals(self, minute: f64) -> Vec<(Journey, f64)> {
        let mix = match self {
            Self::Retailrocket => RETAILROCKET,
            Self::TpcW => TPC_W,
            Self::Flash if self.sale(minute) => FLASH,
            Self::Promo | Self::BlackFriday if self.sale(minute) => PROMOTED,
            _ => NORMAL,
        };
        let factor = self.factor(minute);
        let mut all: Vec<(Journey, f64)> =
            PEOPLE.into_iter().zip(mix.map(|share| share / 100.0 * factor)).filter(|(_, share)| *share > 0.0).collect();
        all.push((Journey::Crawl, PAGES * CRAWLERS / (1.0 - CRAWLERS)));
        if self == Self::Flash && minute < 10.0 {
            // Three times the reads, all of one page, five reads to a visit.
            all.push((Journey::Refresh, 2.0 * PAGES / 5.0));
        }
        if self.opens(minute) {
            all.push((Journey::Scalp, SCALPERS * NORMAL[2] / 100.0));
        }
        if matches!(self, Self::Flash | Self::BlackFriday) {
            all.push((Journey::Stuff, STUFFING * (NORMAL[2] + NORMAL[3]) / 100.0));
        }
        all
    }

    /// Whether a sale has just opened.
    fn opens(self, minute: f64) -> bool {
        match self {
            Self::Flash => (10.0..12.0).contains(&minute),
            Self::BlackFriday => (72.0 * 60.0..73.0 * 60.0).contains(&minute),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_whole_and_a_sale_comes_to_an_end() {
        for mix in [NORMAL, PROMOTED, FLASH, RETAILROCKET, TPC_W] {
            assert!((mix.iter().sum::<f64>() - 100.0).abs() < 1e-9, "{mix:?}");
        }
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        assert!(near(Preset::Flash.factor(10.5), 10.0) && near(Preset::Flash.factor(16.5), 4.31));
        assert!(near(Preset::Promo.factor(5.0), 1.0) && near(Preset::Promo.factor(40.0), 3.0));
        assert!(near(Preset::BlackFriday.factor(84.0 * 60.0), 7.5) && near(Preset::Promo.factor(60.0), 1.0));
    }

    #[test]
    fn robots_come_when_a_sale_opens_and_crawlers_always() {
        let come = |preset: Preset, minute: f64, journey: Journey| {
            preset.arrivals(minute).iter().any(|(found, share)| *found == journey && *share > 0.0)
        };
        assert!(come(Preset::Normal, 1.0, Journey::Crawl) && !come(Preset::Normal, 1.0, Journey::Scalp));
        assert!(come(Preset::Flash, 9.0, Journey::Refresh) && come(Preset::Flash, 11.0, Journey::Scalp));
        assert!(!come(Preset::Flash, 13.0, Journey::Scalp) && !come(Preset::Flash, 11.0, Journey::Refresh));
    }
}
