//! Public holidays of a country, out of the tables of the `holidays` crate (2000–2030).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use holidays::{Builder, Country};
use jiff::civil::Date;

/// The public holidays of one country over some years; empty where the country or the years are not in the tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holidays(BTreeSet<(i16, i8, i8)>);

impl Holidays {
    /// Looks up a country by its ISO 3166-1 alpha-2 code.
    pub fn of(country: Option<&str>, years: RangeInclusive<i16>) -> Self {
        let Some(country) = country.and_then(|c| c.to_uppercase().parse::<Country>().ok()) else {
            return Self::default();
        };
        let range = i32::from(*years.start())..i32::from(*years.end()) + 1;
        let Ok(map) = Builder::new().countries(&[country]).years(range).build() else { return Self::default() };
        let dates = map.values().flat_map(|by_year| by_year.values()).flat_map(|days| days.keys());
        Self(dates.filter_map(|d| d.to_string().parse::<Date>().ok()).map(|d| (d.year(), d.month(), d.day())).collect())
    }

    /// Whether a local date is a public holiday.
    pub fn contains(&self, date: Date) -> bool {
        self.0.contains(&(date.year(), date.month(), date.day()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_monday_moves_and_is_found() {
        let germany = Holidays::of(Some("de"), 2024..=2025);
        assert!(germany.contains(jiff::civil::date(2024, 4, 1)));
        assert!(germany.contains(jiff::civil::date(2025, 4, 21)));
        assert!(!germany.contains(jiff::civil::date(2025, 4, 1)));
        assert!(!Holidays::of(Some("XX"), 2024..=2024).contains(jiff::civil::date(2024, 1, 1)));
    }
}
