//! The promises of the warm reserve, on arbitrary input.

use presale_models::Reading;
use presale_planner::{Decision, Mode, PlanInput, ReserveInput, decide};
use proptest::prelude::*;

use crate::arbitrary::{input, reserve, wild};

/// Replicas that the decision has in service or ready to return.
fn capacity(decision: &Decision, reserve: ReserveInput) -> u32 {
    let warm = decision.reserve.map_or(0, |wanted| wanted.replicas);
    decision.desired + warm.saturating_sub(reserve.deferred.min(reserve.warm))
}

/// The same replicas without a reserve: every one that can serve is in service.
fn all_in_service(input: &PlanInput) -> PlanInput {
    let usable = input.reserve.map_or(0, |r| r.usable());
    let mut without = PlanInput { reserve: None, ..input.clone() };
    without.replicas.current = without.replicas.current.saturating_add(usable);
    without
}

fn with(mut input: PlanInput, reserve: ReserveInput) -> PlanInput {
    input.reserve = Some(reserve);
    input
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, max_global_rejects: 0, ..ProptestConfig::default() })]

    #[test]
    fn never_fewer_in_service_and_warm_than_without_a_reserve(input in input(), mut reserve in reserve()) {
        reserve.deferred = 0;
        let input = with(input, reserve);
        let (ours, without) = (decide(&input), decide(&all_in_service(&input)));
        prop_assert!(capacity(&ours, reserve) >= without.desired, "{ours:#?}\n{without:#?}");
    }

    #[test]
    fn what_cannot_grow_is_replaced_by_a_cold_start(input in input(), reserve in reserve()) {
        let mut input = with(input, reserve);
        input.policy.paused_out = false;
        let (ours, without) = (decide(&input), decide(&all_in_service(&input)));
        let max = input.policy.max.max(input.policy.min);
        let full = ours.desired + ours.reserve.map_or(0, |r| r.replicas) == max;
        prop_assert!(full || capacity(&ours, reserve) >= without.desired, "{ours:#?}\n{without:#?}");
    }

    #[test]
    fn all_replicas_are_within_the_bounds(input in input(), reserve in reserve()) {
        let input = with(input, reserve);
        let (min, max) = (input.policy.min, input.policy.max.max(input.policy.min));
        let decision = decide(&input);
        let warm = decision.reserve.map(|r| r.replicas);
        prop_assert!(min <= decision.desired && warm.is_some_and(|w| decision.desired.saturating_add(w) <= max), "{decision:#?}");
    }

    #[test]
    fn the_load_of_this_moment_is_in_service(input in input(), reserve in reserve(), y in wild()) {
        let mut input = with(input, reserve);
        input.policy.fixed = None;
        input.policy.mode = Mode::Auto;
        input.policy.paused_out = false;
        input.conflict = None;
        input.load = Reading::Fresh { value: y, at: input.now };
        let decision = decide(&input);
        let needed = input.capacity_p10.filter(|c| c.is_finite() && *c > 0.0 && y.is_finite() && y >= 0.0).map_or(0.0, |c| y / c * (1.0 - 1e-9));
        // What is not there cannot serve: the bounds and the rules of `behavior` hold for all replicas together.
        prop_assert!(f64::from(decision.desired) >= needed || decision.reserve.is_some_and(|r| r.replicas <= reserve.deferred.min(reserve.warm)), "{decision:#?}");
    }

    #[test]
    fn nothing_leaves_service_without_a_fresh_complete_signal(input in input(), reserve in reserve()) {
        let mut input = with(input, reserve);
        input.policy.fixed = None;
        input.load = Reading::Partial { value: 0.0, at: input.now, share: 0.9 };
        let max = input.policy.max.max(input.policy.min);
        let ceiling = input.promotions.iter().filter_map(|p| p.ceiling).min().unwrap_or(u32::MAX).max(input.policy.min);
        prop_assert!(decide(&input).desired >= input.replicas.current.min(max).min(ceiling));
    }

    #[test]
    fn what_is_paused_neither_leaves_nor_returns(input in input(), reserve in reserve()) {
        let mut input = with(input, reserve);
        input.policy.mode = Mode::Paused;
        let decision = decide(&input);
        prop_assert!(!decision.write, "{decision:#?}");
    }

    #[test]
    fn more_load_never_means_fewer_in_service(input in input(), reserve in reserve(), a in 0.0..3_000.0_f64, more in 1.0..5.0_f64) {
        let live = |value| {
            let mut input = with(input.clone(), reserve);
            input.load = Reading::Fresh { value, at: input.now };
            decide(&input)
        };
        let (less, greater) = (live(a), live(a * more));
        prop_assert!(greater.desired >= less.desired, "{less:#?}\n{greater:#?}");
    }

    #[test]
    fn the_same_input_gives_the_same_split(input in input(), reserve in reserve()) {
        let input = with(input, reserve);
        prop_assert_eq!(decide(&input), decide(&input.clone()));
    }
}
