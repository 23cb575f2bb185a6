//! The reserve in the simulated plant: hardly more unserved than the same replicas all in service, and nothing else changed.
#![expect(clippy::unwrap_used, reason = "the makers of test data are not test functions")]

use jiff::SignedDuration;
use presale_backtest::outcome::Outcome;
use presale_backtest::plant::Plant;
use presale_backtest::policy::{Glance, Policy, Sight};
use presale_backtest::presale::{Presale, PresaleSpec};
use presale_backtest::simulate::Scenario;
use presale_backtest::trace::Trace;
use presale_models::LEVELS;
use presale_planner::{Guarantee, ReservePolicy, ReserveSize, Trust};
use proptest::{collection::vec, prelude::*};

/// Share of the requests by which a reserve may leave more unserved in an overload of all replicas: what arrives before the
/// return, and comes again as retries.
const HARDLY: f64 = 5e-4;

/// Hours of a load that stays for some minutes and then jumps to another: (level, minutes) in turn.
fn scenario(stretches: &[(f64, usize)], seed: u64) -> Scenario {
    let values: Vec<f64> = stretches.iter().flat_map(|(level, minutes)| vec![*level; *minutes]).collect();
    let seconds = (0..values.len()).map(|i| 1_800_000_000 + 60 * i64::try_from(i).unwrap()).collect();
    let trace = Trace { name: "jumps".into(), seconds, values, step: 60 };
    // Every pod takes the same time to start: which one gets which time would hide what is compared.
    let plant = Plant { lead_spread: 0.0, node_add_share: 0.0, ..Plant::default() };
    Scenario::cut(&trace, Vec::new(), plant, 14.0, seed).unwrap()
}

fn stretches() -> impl Strategy<Value = Vec<(f64, usize)>> {
    vec((prop_oneof![4 => 80.0..140.0, 1 => 140.0..900.0_f64], 1_usize..20), 30..50)
}

fn presale(scenario: &Scenario, size: ReserveSize, max: u32) -> Presale {
    let spec = PresaleSpec {
        capacity: scenario.plant.replica_capacity,
        lead: SignedDuration::from_mins(3),
        level: LEVELS[5],
        trust: Trust::Never,
        time_zone: "UTC".into(),
        events: Vec::new(),
        promotions: Vec::new(),
        seed: scenario.seed,
        min: 1,
        reserve: Some(ReservePolicy { size, max, guarantee: Guarantee::BestEffort }),
    };
    Presale::new(spec, &scenario.past)
}

/// Writes down how many replicas there are in all at every tick, the fewest within it.
struct Recorded<'a> {
    policy: &'a mut Presale,
    totals: Vec<u32>,
}

impl Policy for Recorded<'_> {
    fn name(&self) -> &'static str {
        self.policy.name()
    }
    fn setting(&self) -> String {
        self.policy.setting()
    }
    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let desired = self.policy.decide(sight);
        self.totals.push(desired + self.policy.reserve().unwrap_or(0));
        desired
    }
    fn reserve(&self) -> Option<u32> {
        self.policy.reserve()
    }
    fn glance(&mut self, sight: &Sight<'_>, glance: Glance) -> Option<u32> {
        let desired = self.policy.glance(sight, glance);
        if let (Some(desired), Some(total)) = (desired, self.totals.get_mut(sight.tick)) {
            *total = (*total).min(desired + self.policy.reserve().unwrap_or(0));
        }
        desired
    }
}

/// The same replicas at the same ticks; `warm` = in a plant that knows of a reserve, with none in it.
struct AllInService {
    totals: Vec<u32>,
    warm: bool,
}

impl Policy for AllInService {
    fn name(&self) -> &'static str {
        "all-in-service"
    }
    fn setting(&self) -> String {
        String::new()
    }
    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        self.totals[sight.tick]
    }
    fn reserve(&self) -> Option<u32> {
        self.warm.then_some(0)
    }
}

fn played(scenario: &Scenario, policy: &mut Presale) -> (Outcome, Vec<u32>) {
    let mut recorded = Recorded { policy, totals: Vec::new() };
    let outcome = scenario.run(&mut recorded, &mut |_| ());
    (outcome, recorded.totals)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hardly_more_unserved_than_the_same_replicas_all_in_service(stretches in stretches(), seed in 0_u64..1_000) {
        let scenario = scenario(&stretches, seed);
        let (with, totals) = played(&scenario, &mut presale(&scenario, ReserveSize::Auto, 1_000));
        let without = scenario.run(&mut AllInService { totals, warm: false }, &mut |_| ());
        prop_assert!(with.unserved_ratio <= without.unserved_ratio + HARDLY, "{with:#?}\n{without:#?}");
        prop_assert!(with.replica_hours <= without.replica_hours * 1.001, "{with:#?}\n{without:#?}");
    }

    #[test]
    fn with_nothing_warm_the_plant_is_the_one_without_a_reserve(stretches in stretches(), seed in 0_u64..1_000) {
        let scenario = scenario(&stretches, seed);
        let (_, totals) = played(&scenario, &mut presale(&scenario, ReserveSize::Auto, 0));
        let one = scenario.run(&mut AllInService { totals: totals.clone(), warm: false }, &mut |_| ());
        let other = scenario.run(&mut AllInService { totals, warm: true }, &mut |_| ());
        prop_assert!((one.unserved_ratio - other.unserved_ratio).abs() < 1e-12, "{one:#?}\n{other:#?}");
        prop_assert!((one.replica_hours - other.replica_hours).abs() < 1e-6, "{one:#?}\n{other:#?}");
        prop_assert_eq!(other.warm_hours, None);
    }
}

#[test]
fn a_burst_that_nobody_announced_is_served_by_what_was_warm() {
    let scenario = scenario(&[(100.0, 120), (100.0, 60), (300.0, 10), (100.0, 50)], 1);
    let (some, _) = played(&scenario, &mut presale(&scenario, ReserveSize::Replicas(25), 25));
    let (none, _) = played(&scenario, &mut presale(&scenario, ReserveSize::Auto, 0));
    assert!(some.unserved_ratio < 1e-6, "{some:#?}");
    assert!(none.unserved_ratio > 0.02, "{none:#?}");
}
