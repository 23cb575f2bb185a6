//! The safety rules that the API promises, on arbitrary input.

use jiff::SignedDuration;
use presale_models::Reading;
use presale_planner::{Decision, ForecastInput, Mode, PlanInput, PromotionFloor, Recommendation, Select, decide};
use proptest::prelude::*;

use crate::arbitrary::{forecast, input, promotion, wild};

fn bounds(input: &PlanInput) -> (u32, u32) {
    (input.policy.min, input.policy.max.max(input.policy.min))
}

/// An input in which nothing but terms and windows decides: no pin, pause, other owner or mode.
fn free(mut input: PlanInput) -> PlanInput {
    input.policy.fixed = None;
    input.policy.mode = Mode::Auto;
    input.policy.paused_in = false;
    input.policy.paused_out = false;
    input.conflict = None;
    input
}

/// And in which no rule of `behavior` slows the way up.
fn unlimited_up(mut input: PlanInput) -> PlanInput {
    input.policy.up.stabilization = None;
    input.policy.up.limits.clear();
    input.policy.up.select = Select::Max;
    input
}

fn clear_ceilings(mut input: PlanInput) -> PlanInput {
    for promotion in &mut input.promotions {
        promotion.ceiling = None;
    }
    input
}

/// A load that is exactly `value`, live.
fn live(input: &PlanInput, value: f64) -> PlanInput {
    let mut input = input.clone();
    input.load = Reading::Fresh { value, at: input.now };
    input
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, max_global_rejects: 0, ..ProptestConfig::default() })]

    #[test]
    fn the_count_is_within_its_bounds_always(input in input()) {
        let (min, max) = bounds(&input);
        let decision = decide(&input);
        prop_assert!(min <= decision.desired && decision.desired <= max, "{decision:#?}");
        prop_assert!(min <= decision.recommendation && decision.recommendation <= max, "{decision:#?}");
    }

    #[test]
    fn nothing_is_lowered_without_a_fresh_complete_signal(mut input in input(), state in 0..6) {
        let (min, max) = bounds(&input);
        input.policy.fixed = None;
        let at = input.now;
        input.load = match state {
            0 => Reading::Empty,
            1 => Reading::NotANumber,
            2 => Reading::Error,
            3 => Reading::Stale { value: 0.0, at },
            4 => Reading::Partial { value: 0.0, at, share: 0.9 },
            _ => Reading::Fresh { value: f64::NAN, at },
        };
        let ceiling = input.promotions.iter().filter_map(|p| p.ceiling).min().unwrap_or(u32::MAX).max(min);
        let decision = decide(&input);
        prop_assert!(decision.desired >= input.replicas.current.min(max).min(ceiling), "{decision:#?}");
    }

    #[test]
    fn an_unknown_capacity_lowers_nothing_and_keeps_the_promotion(mut input in input()) {
        input = clear_ceilings(unlimited_up(free(input)));
        input.capacity_p10 = None;
        let (_, max) = bounds(&input);
        let decision = decide(&input);
        let floor = decision.promotion_floor.unwrap_or(0);
        prop_assert!(decision.desired >= input.replicas.current.max(floor).min(max), "{decision:#?}");
    }

    #[test]
    fn a_forecast_only_raises(input in input(), other in forecast()) {
        let mut with = free(input);
        // Where no window is stated the forecast also says when descent is safe; that is measured against the net below.
        with.policy.down.stabilization.get_or_insert(SignedDuration::from_mins(5));
        with.forecast = other;
        let mut without = with.clone();
        without.forecast = ForecastInput::Unavailable { reason: "disabled".into() };
        prop_assert!(decide(&with).desired >= decide(&without).desired);
    }

    #[test]
    fn a_promotion_without_ceiling_only_raises(input in input(), mut extra in promotion()) {
        let without = free(input);
        let mut with = without.clone();
        extra.ceiling = None;
        with.promotions.push(extra);
        prop_assert!(decide(&with).desired >= decide(&without).desired);
    }

    #[test]
    fn never_worse_than_the_net_alone(input in input()) {
        let input = clear_ceilings(unlimited_up(free(input)));
        let (_, max) = bounds(&input);
        let decision = decide(&input);
        prop_assert!(decision.desired >= decision.reactive_floor.unwrap_or(0).min(max), "{decision:#?}");
    }

    #[test]
    fn a_planned_promotion_needs_no_prometheus(input in input(), floor in 0_u32..100, broken in 0_usize..3) {
        let mut input = clear_ceilings(unlimited_up(free(input)));
        input.load = [Reading::Empty, Reading::Error, Reading::NotANumber][broken];
        input.saturation.latency = Reading::Error;
        input.forecast = ForecastInput::Unavailable { reason: "fit".into() };
        input.capacity_p10 = None;
        let now = input.now;
        input.promotions.push(PromotionFloor {
            name: "drop".into(),
            from: now,
            until: now + SignedDuration::from_hours(1),
            starts: now + SignedDuration::from_mins(10),
            ends: now + SignedDuration::from_mins(50),
            floors: vec![Recommendation { at: now, replicas: floor }],
            ceiling: None,
        });
        let (_, max) = bounds(&input);
        let decision = decide(&input);
        prop_assert!(decision.desired >= floor.min(max), "{decision:#?}");
        prop_assert!(decision.write == (decision.desired != decision.current), "{decision:#?}");
    }

    #[test]
    fn the_same_input_gives_the_same_decision(input in input()) {
        prop_assert_eq!(decide(&input), decide(&input.clone()));
    }

    #[test]
    fn more_load_never_means_fewer_replicas(input in input(), a in 0.0..3_000.0_f64, more in 1.0..5.0_f64) {
        let less = decide(&live(&input, a)).desired;
        let greater = decide(&live(&input, a * more)).desired;
        prop_assert!(greater >= less, "{less} at {a}, {greater} at {}", a * more);
    }

    #[test]
    fn a_clock_that_jumps_lowers_nothing_below_the_net(input in input(), jump in -1_000_000_i64..1_000_000, y in wild()) {
        let mut input = clear_ceilings(unlimited_up(free(input)));
        input.now += SignedDuration::from_secs(jump);
        let input = live(&input, y);
        let (_, max) = bounds(&input);
        let decision = decide(&input);
        prop_assert!(decision.desired >= decision.reactive_floor.unwrap_or(0).min(max), "{decision:#?}");
    }

    #[test]
    fn what_is_held_is_not_written_and_every_step_is_told(input in input()) {
        let decision = decide(&input);
        let held = matches!(input.policy.mode, Mode::Paused | Mode::Recommend) || input.conflict.is_some();
        prop_assert!(!(held && decision.write));
        prop_assert!(!decision.write || decision.desired != decision.current);
        prop_assert!(!(decision.write && input.policy.paused_in && decision.desired < decision.current));
        prop_assert!(!(decision.write && input.policy.paused_out && decision.desired > decision.current));
        prop_assert!(told_in_full(&decision), "{decision:#?}");
    }

    #[test]
    fn ceilings_always_hold(input in input(), ceiling in 0_u32..50) {
        let mut input = free(input);
        input.promotions.truncate(0);
        let now = input.now;
        let hour = SignedDuration::from_hours(1);
        let (from, until, starts, ends) = (now, now + hour, now, now + hour);
        let floors = vec![Recommendation { at: now, replicas: 1_000 }];
        input.promotions.push(PromotionFloor { name: "c".into(), from, until, starts, ends, floors, ceiling: Some(ceiling) });
        prop_assert!(decide(&input).desired <= ceiling.max(input.policy.min));
    }
}

/// Whether the clamps lead from a term to the count, and a sentence with the count is there.
fn told_in_full(decision: &Decision) -> bool {
    let chained = decision.clamps.windows(2).all(|pair| pair[0].to == pair[1].from);
    let last = decision.clamps.last().is_none_or(|c| c.to == decision.desired);
    chained && last && decision.message.ends_with('.') && decision.inputs.len() == 6
}
