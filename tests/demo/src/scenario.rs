//! What is shown and when: the load, the shop, and the three acts on the clock of this day.

use jiff::Timestamp;
use loadgen::rate::{Bump, DailyRise, Event, Level, RateModel};
use loadgen::session::Visitors;
use serde::Serialize;

use crate::size::Size;

/// Namespace that the demonstration makes and removes.
pub(crate) const NAMESPACE: &str = "presale-demo";
/// The service under Presale.
pub(crate) const SERVICE: &str = "catalog";
/// Its twin under an HPA.
pub(crate) const TWIN: &str = "catalog-hpa";
/// Names of both in records, in this order everywhere.
pub(crate) const SIDES: [&str; 2] = ["Presale", "HPA"];
/// Way in to each, on 127.0.0.1.
pub(crate) const NODE_PORTS: [u16; 2] = [30_281, 30_282];

/// Daily rise over [`Size::base`].
pub(crate) const FACTOR: f64 = 4.0;
/// Uplift that the promotion is announced with.
pub(crate) const UPLIFT: &str = "4";
/// What the promotion really brings, over [`Size::base`].
pub(crate) const PROMOTED: f64 = 4.0;
/// Fewest replicas of both.
pub(crate) const MINIMUM: u32 = 4;
/// Most replicas of both.
pub(crate) const MAXIMUM: u32 = 10;
/// CPU request and limit of each pod. **Unit**: thousandths of a processor.
pub(crate) const CPU_MILLIS: u32 = 40;
/// Objective of a second: its 99th percentile, timed from the intended start.
pub(crate) const SLO: std::time::Duration = std::time::Duration::from_millis(400);
/// Stabilization of both on the way down; five minutes would be usual.
pub(crate) const WINDOW: u32 = 30;
/// Products in the shop.
pub(crate) const PRODUCTS: u32 = 10_000;

/// The forecast's grid: the daily rise begins with one of its steps.
const STEP: i64 = 300;
/// How long the daily rise lasts: whole minutes, since the forecast tells no shorter ones apart.
const RISE_LASTS: i64 = 240;
/// From the machine being measured to both services and the whole shop being Ready, generously.
const SETUP: i64 = 40;
/// Load that both have seen before the rise may come.
const SETTLES: i64 = 40;
/// From the end of the last act to the minimum.
const DESCENT: i64 = 70;
/// From the end of the rise to the promotion: the twin is back at its minimum, as before any other promotion.
const TWIN_DESCENDS: i64 = 70;
const PROMOTION_LASTS: i64 = 60;
const ANNOUNCED_BEFORE: i64 = 120;

/// When what happens. **Unit**: seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Schedule {
    /// Both services take load from here on.
    pub(crate) open: i64,
    /// The daily rise begins.
    pub(crate) rise: i64,
    /// It ends.
    pub(crate) fall: i64,
    /// `presale promo create` is called.
    pub(crate) announced: i64,
    /// The promotion begins.
    pub(crate) promotion: i64,
    /// It ends.
    pub(crate) promotion_over: i64,
    /// A pod is made sick.
    pub(crate) fault: i64,
    /// Until then the fault is blamed for what fails: at least 90 s, and as long as the sick pod is not replaced.
    pub(crate) fault_over: i64,
    /// The load ends.
    pub(crate) close: i64,
}

impl Schedule {
    /// Lays the acts around the next step of the forecast's grid that leaves time to set up: the rise, and when the
    /// twin is calm again the promotion.
    pub(crate) fn from(now: i64) -> Self {
        let open = now + SETUP;
        let rise = (open + SETTLES + STEP - 1).div_euclid(STEP) * STEP;
        let fall = rise + RISE_LASTS;
        let promotion = fall + TWIN_DESCENDS;
        let promotion_over = promotion + PROMOTION_LASTS;
        Self {
            open,
            rise,
            fall,
            announced: promotion - ANNOUNCED_BEFORE,
            promotion,
            promotion_over,
            fault: rise + 90,
            fault_over: rise + 180,
            close: promotion_over + DESCENT,
        }
    }

    /// Whether a second belongs to the first act, the second, or neither.
    pub(crate) fn act(&self, at: i64) -> Option<Act> {
        if (self.rise - 10..self.fault).contains(&at) {
            Some(Act::Rise)
        } else if (self.promotion - 5..self.promotion_over + 5).contains(&at) {
            Some(Act::Promotion)
        } else if (self.fault..self.fault_over).contains(&at) {
            Some(Act::Fault)
        } else {
            None
        }
    }

    /// The same, with a fault that lasts until the sick pod was replaced; the load's fall ends it at the latest.
    pub(crate) fn healed(self, at: Option<i64>) -> Self {
        Self { fault_over: self.fault_over.max(at.map_or(0, |at| at + 1)).min(self.fall), ..self }
    }

    /// Who comes, live and in the past: the rise stands in every past day, the promotion in none.
    pub(crate) fn visitors(&self, size: Size, seed: u64) -> anyhow::Result<Visitors> {
        let zoned = Timestamp::from_second(self.rise)?.to_zoned(jiff::tz::TimeZone::UTC);
        let bump = |factor, hold: i64| Bump { factor, ramp: 5.0, hold: hold as f64 - 10.0, fall: 5.0 };
        Ok(Visitors {
            rate: RateModel {
                level: Level::Flat(size.base()),
                rises: vec![DailyRise { at: zoned.time(), bump: bump(FACTOR, RISE_LASTS) }],
                events: vec![Event {
                    start: Timestamp::from_second(self.promotion)?,
                    bump: bump(PROMOTED, PROMOTION_LASTS),
                }],
                anchor: self.open as f64,
                crawlers: 0.0,
                variation: 0.05,
            },
            seed,
            think: 2.0,
        })
    }

    /// Time of day, for people.
    pub(crate) fn clock(at: i64) -> String {
        let time = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
        time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string()
    }
}

/// One act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Act {
    /// The daily rise.
    Rise,
    /// The promotion.
    Promotion,
    /// The sick pod.
    Fault,
}

impl Act {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 3] = [Self::Rise, Self::Promotion, Self::Fault];

    /// Its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rise => "Act 1: the daily rise",
            Self::Promotion => "Act 2: the promotion",
            Self::Fault => "Act 3: a sick pod",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_never_overlap_and_the_whole_is_over_in_time_whenever_it_starts() {
        for now in 1_800_000_000..1_800_000_300 {
            let s = Schedule::from(now);
            assert!(s.announced >= s.open && s.promotion - s.announced == ANNOUNCED_BEFORE, "{s:?}");
            assert!(s.rise >= s.open + SETTLES && s.rise % STEP == 0, "{s:?}");
            assert!(s.fall % 60 == 0 && s.fall + 30 <= s.promotion && s.fault_over < s.fall, "{s:?}");
            assert!(s.close - now <= 15 * 60 - 40, "{s:?} takes {} s", s.close - now);
        }
    }

    #[test]
    fn the_load_rises_with_the_clock_of_every_day_and_promotes_once() {
        let s = Schedule::from(1_800_000_123);
        let size = Size { request_cpu_ms: 1.6, per_replica: 20 };
        let rate = s.visitors(size, 1).unwrap().rate;
        let at = |second: i64| rate.total(second as f64);
        assert!((at(s.rise + 60) - 36.0 * FACTOR).abs() < 1e-9);
        assert!((at(s.rise + 60 - 7 * 86_400) - 36.0 * FACTOR).abs() < 1e-9);
        assert!((at(s.promotion + 30) - 36.0 * PROMOTED).abs() < 1e-9);
        assert!((at(s.promotion + 30 - 86_400) - 36.0).abs() < 1e-9);
        assert!((at(s.rise - 5) - 36.0).abs() < 1e-9);
    }
}
