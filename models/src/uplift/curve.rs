//! The shape of a promotion in time: trickle before it, ramp, opening burst, plateau, decay after it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Shape of a promotion's load. At share g the load is 1 + (u − 1)·g times the normal load.
///
/// **Source**: shapes of flash sales as in the marketing literature and in our traces; a kind may replace any of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// How long before the start people gather.
    pub trickle: SignedDuration,
    /// Share reached just before the start.
    pub trickle_share: f64,
    /// How long it takes from the start to the plateau.
    pub ramp: SignedDuration,
    /// Share by which the opening exceeds the plateau.
    pub burst: f64,
    /// Time in which the opening burst falls to a third.
    pub burst_decay: SignedDuration,
    /// Time after the end in which the load falls to a third of its excess.
    pub decay: SignedDuration,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            trickle: SignedDuration::from_mins(15),
            trickle_share: 0.1,
            ramp: SignedDuration::from_mins(4),
            burst: 0.15,
            burst_decay: SignedDuration::from_mins(45),
            decay: SignedDuration::from_mins(25),
        }
    }
}

impl Curve {
    /// The same shape for a promotion that lasts so long: one shorter than four ramps opens within its first quarter.
    #[must_use]
    pub fn fitted(self, length: SignedDuration) -> Self {
        Self { ramp: self.ramp.min(length / 4), ..self }
    }

    /// Share of the uplift at `t` for a promotion over `[start, end)`; 0 long before and after, 1 on the plateau.
    pub fn share(&self, t: Timestamp, start: Timestamp, end: Timestamp) -> f64 {
        let since = t.duration_since(start);
        if since.is_negative() {
            return self.trickle_share * (1.0 + ratio(since, self.trickle)).max(0.0);
        }
        let after = t.duration_since(end);
        if after.is_negative() {
            return self.during(since);
        }
        let tail = self.during(end.duration_since(start)) * libm::exp(-ratio(after, self.decay));
        if tail < 0.01 { 0.0 } else { tail }
    }

    /// Highest share of a promotion of this length.
    pub fn peak(&self, length: SignedDuration) -> f64 {
        self.during(length.min(self.ramp).max(SignedDuration::ZERO)).max(self.during(length))
    }

    /// How long after the end anything is left.
    pub fn tail(&self) -> SignedDuration {
        self.decay.saturating_mul(3)
    }

    fn during(&self, since: SignedDuration) -> f64 {
        let ramp = ratio(since, self.ramp).clamp(0.0, 1.0);
        let risen = self.trickle_share + (1.0 - self.trickle_share) * ramp;
        let past_ramp = (since - self.ramp.min(since)).max(SignedDuration::ZERO);
        risen + self.burst * ramp * libm::exp(-ratio(past_ramp, self.burst_decay))
    }
}

/// a ÷ b; far beyond any share where b is zero.
fn ratio(a: SignedDuration, b: SignedDuration) -> f64 {
    if b <= SignedDuration::ZERO {
        return if a.is_negative() { -1e9 } else { 1e9 };
    }
    a.as_secs_f64() / b.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(m: i64) -> Timestamp {
        Timestamp::from_second(m * 60).unwrap()
    }

    #[test]
    fn trickles_ramps_bursts_holds_and_decays() {
        let curve = Curve::default();
        let share = |m| curve.share(minute(m), minute(0), minute(240));
        assert!(share(-20).abs() < 1e-12);
        assert!((share(-3) - 0.08).abs() < 1e-9);
        assert!((share(4) - 1.15).abs() < 1e-9, "{}", share(4));
        assert!((share(200) - 1.0).abs() < 0.01);
        assert!(share(265) < 0.38 && share(265) > 0.3);
        assert!(share(240 + 120).abs() < 1e-12);
        assert!((curve.peak(SignedDuration::from_hours(4)) - 1.15).abs() < 1e-9);
    }

    #[test]
    fn a_promotion_shorter_than_its_ramp_has_no_plateau() {
        let curve = Curve::default();
        assert!(curve.peak(SignedDuration::from_mins(2)) < 0.7);
        assert!(curve.peak(SignedDuration::ZERO) <= curve.trickle_share + 1e-12);
    }

    #[test]
    fn fitted_to_a_short_promotion_it_opens_within_the_first_quarter() {
        let length = SignedDuration::from_mins(2);
        let curve = Curve::default().fitted(length);
        let share = |second| curve.share(Timestamp::from_second(second).unwrap(), minute(0), minute(2));
        assert!((share(30) - 1.15).abs() < 1e-9 && share(119) > 1.0, "{} {}", share(30), share(119));
        assert_eq!(Curve::default().fitted(SignedDuration::from_hours(4)), Curve::default());
    }
}
