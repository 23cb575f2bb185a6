//! Instants on their way into and out of PostgreSQL.

use jiff::Timestamp;

/// Seconds since 1970 as `to_timestamp` takes them; microseconds survive until the year 2255.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

/// An instant from microseconds since 1970, as `(extract(epoch FROM x) * 1000000)::bigint` gives them.
///
/// # Errors
/// Where it lies outside of the years -9999..=9999, which no column of ours holds.
pub fn from_micros(micros: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_microsecond(micros).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_way_there_and_back() {
        let at: Timestamp = "2027-01-15T08:00:00.123457Z".parse().unwrap();
        assert_eq!(from_micros(at.as_microsecond()).unwrap(), at);
        assert!((seconds(at) - 1_800_000_000.123_457).abs() < 1e-6);
    }
}
