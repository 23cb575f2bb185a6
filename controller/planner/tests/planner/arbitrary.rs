//! Arbitrary plan inputs: every state of every part, also what no sane adapter would send.

use jiff::{SignedDuration, Timestamp};
use presale_models::{LEVELS, QuantileForecast, Reading, Sample, Series};
use presale_planner::{
    Behavior, ForecastInput, Guarantee, HandScaled, Mode, PlanInput, Policy, PromotionFloor, Recommendation,
    ReplicaChange, ReplicaCounts, ReserveInput, ReservePolicy, ReserveSize, Saturation, Select, StepLimit, Trust,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// The middle of the times that are made.
pub(crate) const NOON: i64 = 1_800_000_000;

/// Loads from nothing to absurd, NaN and infinities among them.
pub(crate) fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..2_000.0,
        1 => select(vec![0.0, -1.0, 1e-300, 1e12, 1e300, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

/// Times around noon, now and then far away on either side, as clocks are set.
fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![8 => -3_600_i64..3_600, 1 => -10_000_000_i64..10_000_000]
        .prop_map(|s| Timestamp::from_second(NOON + s).unwrap())
}

fn duration() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![6 => 0_i64..1_800, 1 => -600_i64..1_000_000].prop_map(SignedDuration::from_secs)
}

fn replicas() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..60, 1 => 0_u32..100_000, 1 => Just(u32::MAX)]
}

/// Readings in every state.
pub(crate) fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        6 => (wild(), time()).prop_map(|(value, at)| Reading::Fresh { value, at }),
        1 => time().prop_map(|at| Reading::Zero { at }),
        1 => (wild(), time()).prop_map(|(value, at)| Reading::Stale { value, at }),
        1 => (wild(), time()).prop_map(|(value, at)| Reading::Partial { value, at, share: 0.5 }),
        1 => select(vec![Reading::Empty, Reading::NotANumber, Reading::Error]),
    ]
}

fn behavior() -> impl Strategy<Value = Behavior> {
    let limit = (any::<bool>(), 0_u32..300, duration()).prop_map(|(pods, value, period)| {
        if pods { StepLimit::Pods { value, period } } else { StepLimit::Percent { value, period } }
    });
    let rules = (option::of(duration()), vec(limit, 0..3), select(vec![Select::Max, Select::Min, Select::Disabled]));
    rules.prop_map(|(stabilization, limits, select)| Behavior { stabilization, limits, select })
}

/// Policies, also with crossed bounds.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let bounds = (0_u32..20, replicas(), option::weighted(0.1, replicas()));
    let words = (
        select(vec![Mode::Auto, Mode::Auto, Mode::Auto, Mode::Recommend, Mode::Shadow, Mode::Paused]),
        select(LEVELS.to_vec()),
        select(vec![Trust::Earned, Trust::Always, Trust::Never]),
    );
    let rest = (behavior(), behavior(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), duration());
    (bounds, words, rest).prop_map(
        |((min, max, fixed), (mode, level, trust), (up, down, paused_out, paused_in, hand_hold))| Policy {
            min,
            max,
            fixed,
            mode,
            level,
            trust,
            up,
            down,
            paused_out,
            paused_in,
            hand_hold,
        },
    )
}

/// Forecasts: none, or rows that may cover now or miss it.
pub(crate) fn forecast() -> impl Strategy<Value = ForecastInput> {
    let rows = vec(prop_oneof![8 => 0.0..3_000.0_f64, 1 => 0.0..1e300_f64], 0..20);
    let known = (rows, time(), time(), 30_i64..900, any::<bool>());
    prop_oneof![
        1 => Just(ForecastInput::Unavailable { reason: "fit".into() }),
        4 => known.prop_map(|(rows, origin, data_until, step, trusted)| {
            let rows = rows.into_iter().map(|v| [v; LEVELS.len()]).collect();
            let maximum = QuantileForecast::new(origin, SignedDuration::from_secs(step), rows).unwrap();
            ForecastInput::Available { maximum, trusted, data_until, bursty: false }
        }),
    ]
}

/// A promotion's floor, in any order of times.
pub(crate) fn promotion() -> impl Strategy<Value = PromotionFloor> {
    let floor = (time(), replicas()).prop_map(|(at, replicas)| Recommendation { at, replicas });
    (time(), time(), time(), time(), vec(floor, 0..4), option::weighted(0.2, replicas())).prop_map(
        |(from, until, starts, ends, floors, ceiling)| PromotionFloor {
            name: "flash".into(),
            from,
            until,
            starts,
            ends,
            floors,
            ceiling,
        },
    )
}

fn past() -> impl Strategy<Value = (Vec<Recommendation>, Vec<ReplicaChange>, Series)> {
    let wish = (time(), replicas()).prop_map(|(at, replicas)| Recommendation { at, replicas });
    let change = (time(), replicas(), replicas()).prop_map(|(at, from, to)| ReplicaChange { at, from, to });
    let sample = prop_oneof![
        6 => wild().prop_map(Sample::Value),
        1 => Just(Sample::Missing),
        1 => wild().prop_map(Sample::Censored),
    ];
    let recent = (time(), 15_i64..120, vec(sample, 0..20))
        .prop_map(|(start, step, samples)| Series::new(start, SignedDuration::from_secs(step), samples).unwrap());
    (vec(wish, 0..6), vec(change, 0..4), recent)
}

fn facts() -> impl Strategy<Value = (ReplicaCounts, Saturation, Option<f64>, SignedDuration)> {
    let counts = (replicas(), replicas(), replicas()).prop_map(|(current, ready, starting)| ReplicaCounts {
        current,
        ready,
        starting,
    });
    let saturation = (reading(), option::of(0.0..1_000.0_f64), option::of(time()))
        .prop_map(|(latency, latency_limit, over_since)| Saturation { latency, latency_limit, over_since });
    (counts, saturation, option::weighted(0.9, prop_oneof![6 => 1.0..200.0_f64, 1 => wild()]), duration())
}

/// Any input at all.
pub(crate) fn input() -> impl Strategy<Value = PlanInput> {
    let hand = (replicas(), time()).prop_map(|(replicas, at)| HandScaled { replicas, at });
    let humans = (option::weighted(0.2, hand), option::weighted(0.05, Just("hpa/web".to_owned())));
    (time(), policy(), facts(), reading(), forecast(), vec(promotion(), 0..3), past(), humans).prop_map(
        |(now, policy, (replicas, saturation, capacity, lead_time), load, forecast, promotions, past, humans)| {
            PlanInput {
                now,
                policy,
                replicas,
                load,
                recent: past.2,
                saturation,
                forecast,
                capacity_p10: capacity,
                capacity_p50: capacity,
                lead_time,
                promotions,
                history: past.0,
                changes: past.1,
                hand_scaled: humans.0,
                conflict: humans.1,
                reserve: None,
            }
        },
    )
}

/// Any warm reserve at all, also more deferred than there are.
pub(crate) fn reserve() -> impl Strategy<Value = ReserveInput> {
    let size = prop_oneof![3 => Just(ReserveSize::Auto), 1 => replicas().prop_map(ReserveSize::Replicas)];
    let guarantee = select(vec![Guarantee::BestEffort, Guarantee::Reserved]);
    let deferred = prop_oneof![2 => Just(0), 1 => replicas()];
    (size, replicas(), guarantee, replicas(), deferred).prop_map(|(size, max, guarantee, warm, deferred)| {
        ReserveInput { policy: ReservePolicy { size, max, guarantee }, warm, deferred }
    })
}
