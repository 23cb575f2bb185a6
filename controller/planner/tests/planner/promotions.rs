//! Promotions end to end: from a schedule on the wall to floors, through a live rush, to what was learned of it.

use jiff::{SignedDuration, Timestamp};
use presale_models::{
    Expectation, LEVELS, ObservedUplift, QuantileForecast, Reading, Sample, Series, UpliftModel, uplift::Curve,
};
use presale_planner::{
    Behavior, ForecastInput, Mode, PlanInput, Policy, ReplicaCounts, Saturation, Select, StepLimit, Trust, decide,
    plan_promotion,
    promotion::{
        Baseline, Binding, Occurrence, Phase, PlannedBefore, PromotionPlan, PromotionSpec, ScheduleSpec, TargetFacts,
        TargetSpec, observe,
    },
};

const CAPACITY: f64 = 50.0;
const NORMAL: f64 = 200.0;

fn time(text: &str) -> Timestamp {
    format!("2026-11-27T{text}Z").parse().unwrap()
}

/// A sale from 19:00 to 21:00 UTC (20:00 in Berlin) that people expect to bring ×2 … ×4 … ×6.
fn sale() -> PromotionSpec {
    PromotionSpec {
        name: "black-friday".into(),
        kind: "FlashSale".into(),
        schedule: ScheduleSpec {
            time_zone: "Europe/Berlin".into(),
            start: "2026-11-27T20:00:00".into(),
            duration: SignedDuration::from_hours(2),
            recurrence: None,
        },
        targets: vec![TargetSpec {
            service: "checkout".into(),
            expectation: Some(Expectation::new(2.0, 4.0, 6.0).unwrap()),
            floor: None,
            ceiling: None,
        }],
        lead_time: None,
        ready_before: SignedDuration::from_mins(10),
        awaits_approval: false,
        cancelled: false,
        budget: None,
        created: time("12:00:00"),
    }
}

/// Two weeks of the same load, a sample a minute, ending before the sale.
fn past() -> Series {
    let minutes = 14 * 24 * 60;
    let start = time("18:00:00") - SignedDuration::from_mins(minutes);
    let samples = vec![Sample::Value(NORMAL); usize::try_from(minutes).unwrap()];
    Series::new(start, SignedDuration::from_mins(1), samples).unwrap()
}

fn free() -> Behavior {
    Behavior { stabilization: None, limits: vec![], select: Select::Max }
}

fn facts<'a>(spec: &PromotionSpec, past: &'a Series, up: &'a Behavior) -> TargetFacts<'a> {
    TargetFacts {
        service: "checkout",
        min: 2,
        max: 60,
        up,
        level: LEVELS[5],
        capacity_p10: Some(CAPACITY),
        lead_time: SignedDuration::from_mins(3),
        uplift: UpliftModel::default().predict(&spec.kind, spec.targets[0].expectation),
        baseline: Baseline { forecast: None, past: Some(past) },
        live: None,
        before: None,
    }
}

fn plan(spec: &PromotionSpec, facts: TargetFacts<'_>, now: &str) -> PromotionPlan {
    plan_promotion(spec, &[facts], None, time(now)).unwrap()
}

/// Live load since 19:00: normal × `ratio(minute)`.
fn live(minutes: u32, ratio: impl Fn(u32) -> f64) -> Series {
    let samples = (0..minutes).map(|m| Sample::Value(NORMAL * ratio(m))).collect();
    Series::new(time("19:00:00"), SignedDuration::from_mins(1), samples).unwrap()
}

fn floor_at(plan: &PromotionPlan, at: &str) -> u32 {
    let floors = &plan.targets[0].floor.floors;
    floors.iter().rev().find(|f| f.at <= time(at)).map_or(0, |f| f.replicas)
}

#[test]
fn all_replicas_are_ordered_early_enough_to_be_ready_before_the_start() {
    let (spec, past, up) = (sale(), past(), free());
    let plan = plan(&spec, facts(&spec, &past, &up), "13:00:00");
    let target = &plan.targets[0];
    assert_eq!(plan.phase, Phase::Scheduled);
    assert_eq!(target.scale_up_at, time("18:47:00"), "10 min ready before and 3 min of lead time");
    // The stated high of ×6 bounds the 95 % plan; the opening exceeds it by its burst: 200 × (1 + 5 × 1.15) / 50 = 27.
    assert_eq!((target.peak_replicas, target.binding), (27, None));
    assert_eq!(floor_at(&plan, "18:47:00"), 27);
    assert!(floor_at(&plan, "20:30:00") < 27 && floor_at(&plan, "20:30:00") >= 24, "the opening burst decays");
    assert_eq!(target.floor.until, time("21:00:00"));
    assert_eq!(plan.message, "checkout gets 27 replicas for ×6.0 of the normal load");
}

#[test]
fn a_slow_behavior_is_ordered_earlier() {
    let (spec, past) = (sale(), past());
    let period = SignedDuration::from_secs(60);
    let up = Behavior { limits: vec![StepLimit::Pods { value: 4, period }], ..free() };
    let target = &plan(&spec, facts(&spec, &past, &up), "13:00:00").targets[0];
    // From 4 to 27 in fours are six batches: five minutes more.
    assert_eq!(target.scale_up_at, time("18:42:00"));
    let never = Behavior { select: Select::Disabled, ..free() };
    assert_eq!(plan(&spec, facts(&spec, &past, &never), "13:00:00").targets[0].binding, Some(Binding::StepLimit));
}

#[test]
fn phases_follow_the_clock() {
    let (spec, past, up) = (sale(), past(), free());
    let mut before = None;
    let mut seen = Vec::new();
    for minute in 0..600 {
        let now = time("13:00:00") + SignedDuration::from_mins(minute);
        let plan = plan_promotion(&spec, &[facts(&spec, &past, &up)], before, now).unwrap();
        if before != Some(plan.phase) {
            seen.push(format!("{} {:?}", now.strftime("%H:%M"), plan.phase));
        }
        before = Some(plan.phase);
    }
    assert_eq!(seen, ["13:00 Scheduled", "18:47 PreScaling", "19:00 Active", "21:00 CoolingDown", "21:30 Completed"]);
}

#[test]
fn without_approval_nothing_is_raised_and_the_end_is_missed() {
    let (mut spec, past, up) = (sale(), past(), free());
    spec.awaits_approval = true;
    let waiting = plan(&spec, facts(&spec, &past, &up), "18:55:00");
    assert_eq!((waiting.phase, waiting.floors_of("checkout").count()), (Phase::PendingApproval, 0));
    assert_eq!(plan(&spec, facts(&spec, &past, &up), "21:00:00").phase, Phase::Missed);
    spec.awaits_approval = false;
    assert_eq!(plan(&spec, facts(&spec, &past, &up), "18:55:00").floors_of("checkout").count(), 1);
}

#[test]
fn a_start_in_the_past_applies_at_once_and_an_end_in_the_past_is_missed() {
    let (mut spec, past, up) = (sale(), past(), free());
    spec.created = time("19:30:00");
    let late = plan(&spec, facts(&spec, &past, &up), "19:30:00");
    let floor = late.floors_of("checkout").next().unwrap();
    assert_eq!(late.phase, Phase::Active);
    assert!(floor.from <= time("19:30:00") && floor_at(&late, "19:30:00") >= 20);
    spec.created = time("22:00:00");
    assert_eq!(plan(&spec, facts(&spec, &past, &up), "22:00:00").phase, Phase::Missed);
}

#[test]
fn too_late_to_be_ready_is_said_and_done_nevertheless() {
    let (mut spec, past, up) = (sale(), past(), free());
    spec.created = time("18:58:00");
    let plan = plan(&spec, facts(&spec, &past, &up), "18:58:00");
    assert_eq!((plan.targets[0].binding, plan.feasible()), (Some(Binding::LeadTime), false));
    assert_eq!(floor_at(&plan, "18:58:00"), 27);
}

#[test]
fn cancelling_takes_the_floor_away() {
    let (mut spec, past, up) = (sale(), past(), free());
    spec.cancelled = true;
    let plan = plan(&spec, facts(&spec, &past, &up), "19:30:00");
    assert_eq!((plan.phase, plan.floors_of("checkout").count()), (Phase::Cancelled, 0));
}

#[test]
fn what_binds_is_named() {
    let (mut spec, past, up) = (sale(), past(), free());
    spec.targets[0].ceiling = Some(12);
    let ceiling = plan(&spec, facts(&spec, &past, &up), "13:00:00");
    assert_eq!(
        ceiling.message,
        "checkout gets 12 of 27 replicas for ×6.0 of the normal load: the promotion's ceiling allows no more"
    );
    spec.targets[0].ceiling = None;
    let max = plan(&spec, TargetFacts { max: 10, ..facts(&spec, &past, &up) }, "13:00:00");
    assert_eq!((max.targets[0].binding, max.targets[0].peak_replicas), (Some(Binding::MaxReplicas), 10));
}

#[test]
fn the_budget_of_replica_hours_is_kept() {
    let (mut spec, past, up) = (sale(), past(), free());
    let unbounded = plan(&spec, facts(&spec, &past, &up), "13:00:00").targets[0].replica_hours;
    assert!((40.0..60.0).contains(&unbounded), "2.2 h of some 21 more than the normal 4: {unbounded}");
    spec.budget = Some(20.0);
    let target = plan(&spec, facts(&spec, &past, &up), "13:00:00").targets.remove(0);
    assert!(target.replica_hours <= 20.0 && target.replica_hours > 15.0, "{}", target.replica_hours);
    assert_eq!((target.binding, target.wanted_replicas), (Some(Binding::Budget), 27));
}

#[test]
fn a_plan_stands_without_prometheus() {
    let (spec, up) = (sale(), free());
    let nothing = Series::new(time("18:00:00"), SignedDuration::from_mins(1), vec![]).unwrap();
    let before = PlannedBefore { peak_replicas: 27, scale_up_at: time("18:47:00") };
    let blind = TargetFacts { capacity_p10: None, before: Some(before), ..facts(&spec, &nothing, &up) };
    let plan_blind = plan(&spec, blind, "18:50:00");
    assert_eq!(plan_blind.targets[0].scale_up_at, time("18:47:00"));
    assert_eq!((floor_at(&plan_blind, "18:50:00"), floor_at(&plan_blind, "20:59:00")), (27, 27));
    assert_eq!(plan_blind.targets[0].binding, Some(Binding::CapacityUnknown));
    let mut stated = spec.clone();
    stated.targets[0].floor = Some(9);
    let never_planned = || TargetFacts { capacity_p10: None, ..facts(&spec, &nothing, &up) };
    assert_eq!(floor_at(&plan(&stated, never_planned(), "18:50:00"), "18:50:00"), 9);
    let said = plan(&spec, never_planned(), "18:50:00").message;
    assert!(said.starts_with("checkout gets no replicas yet: requests per replica are unknown"), "{said}");
}

#[test]
fn a_rush_larger_than_planned_lifts_the_floor_at_once() {
    let (spec, past, up) = (sale(), past(), free());
    let rush = live(6, |_| 9.0);
    let plan = plan(&spec, TargetFacts { live: Some(&rush), ..facts(&spec, &past, &up) }, "19:05:00");
    assert!(floor_at(&plan, "19:05:00") >= 36, "200 × 9 / 50: {}", floor_at(&plan, "19:05:00"));
}

#[test]
fn live_load_takes_over_and_a_no_show_is_let_go_in_steps() {
    let (spec, past, up) = (sale(), past(), free());
    let floors = |ratio: f64, now: &str| {
        let minutes = u32::try_from((time(now) - time("19:00:00")).get_seconds() / 60).unwrap();
        let shown = live(minutes, |_| ratio);
        floor_at(&plan(&spec, TargetFacts { live: Some(&shown), ..facts(&spec, &past, &up) }, now), now)
    };
    // ×3 came where ×4 was expected and ×6 planned: the floor comes down to what came and a margin.
    assert!((13..=16).contains(&floors(3.0, "19:30:00")), "{}", floors(3.0, "19:30:00"));
    // Nobody came: half of the excess stands at first, then a quarter of it goes every ten minutes.
    let (at_15, at_25, at_45) = (floors(1.0, "19:15:00"), floors(1.0, "19:25:00"), floors(1.0, "19:45:00"));
    assert!(at_15 > at_25 && at_25 > at_45 && at_45 >= 4, "{at_15} {at_25} {at_45}");
    let unknown = plan(&spec, facts(&spec, &past, &up), "19:45:00");
    assert!(floor_at(&unknown, "19:45:00") > 20, "unknown is not a no-show");
}

#[test]
fn the_observed_uplift_is_the_true_one_and_the_next_plan_uses_it() {
    let (spec, past) = (sale(), past());
    let occurrence = Occurrence { start: time("19:00:00"), end: time("21:00:00") };
    let curve = Curve::default();
    let shape = |m: u32| {
        let t = time("19:00:00") + SignedDuration::from_mins(i64::from(m));
        1.0 + 7.0 * curve.share(t, occurrence.start, occurrence.end)
    };
    let load = live(120, shape);
    let baseline = Baseline { forecast: None, past: Some(&past) };
    assert_eq!(observe(&load, baseline, curve, occurrence, time("20:59:00")), None, "not over yet");
    let seen = observe(&load, baseline, curve, occurrence, time("21:00:00")).unwrap();
    assert!((seen.mean - 8.0).abs() < 0.2 && !seen.censored && seen.sd < 0.1, "{seen:?}");

    let mut model = UpliftModel::default();
    model.learn(&spec.kind, spec.targets[0].expectation, &seen);
    assert!(model.predict(&spec.kind, spec.targets[0].expectation).quantile(0.5) > 4.8);
}

#[test]
fn a_saturated_promotion_is_a_lower_bound_and_an_unseen_one_teaches_nothing() {
    let past = past();
    let occurrence = Occurrence { start: time("19:00:00"), end: time("21:00:00") };
    let baseline = Baseline { forecast: None, past: Some(&past) };
    let of = |samples: Vec<Sample>| {
        let load = Series::new(time("19:00:00"), SignedDuration::from_mins(1), samples).unwrap();
        observe(&load, baseline, Curve::default(), occurrence, time("21:00:00"))
    };
    let saturated: Option<ObservedUplift> = of(vec![Sample::Censored(NORMAL * 3.0); 120]);
    assert!(saturated.unwrap().censored);
    assert_eq!(of(vec![Sample::Missing; 120]), None);
}

/// Normal load and a trusted forecast around ten replicas' worth, in the middle of a sale that asks for one.
fn during_a_sale(now: &str) -> PlanInput {
    let row = [440.0, 460.0, 500.0, 520.0, 540.0, 560.0, 600.0, 700.0];
    let minute = SignedDuration::from_mins(1);
    let maximum = QuantileForecast::new(time(now), minute, vec![row; 10]).unwrap();
    let (spec, past, up) = (sale(), past(), free());
    let mut floor = plan(&spec, facts(&spec, &past, &up), "13:00:00").targets.remove(0).floor;
    floor.floors.iter_mut().for_each(|f| f.replicas = 1);
    PlanInput {
        now: time(now),
        policy: Policy {
            min: 1,
            max: 60,
            fixed: None,
            mode: Mode::Auto,
            level: LEVELS[5],
            trust: Trust::Always,
            up: free(),
            down: free(),
            paused_out: false,
            paused_in: false,
            hand_hold: minute,
        },
        replicas: ReplicaCounts { current: 2, ready: 2, starting: 0 },
        load: Reading::Fresh { value: 100.0, at: time(now) },
        recent: Series::new(time(now), minute, vec![]).unwrap(),
        saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
        forecast: ForecastInput::Available { maximum, trusted: true, data_until: time(now), bursty: false },
        capacity_p10: Some(CAPACITY),
        capacity_p50: Some(CAPACITY),
        lead_time: SignedDuration::from_mins(3),
        promotions: vec![floor],
        history: vec![],
        changes: vec![],
        hand_scaled: None,
        conflict: None,
        reserve: None,
    }
}

#[test]
fn while_it_runs_less_is_risked_than_before_and_after() {
    let floor = |now: &str| decide(&during_a_sale(now)).forecast_floor.unwrap();
    // At level 0.95, and the fifth of the risk that is left: the 99 % quantile of 700 at 50 a replica.
    assert_eq!((floor("19:00:00"), floor("20:59:00")), (14, 14));
    assert!(floor("18:00:00") <= 12 && floor("21:00:00") <= 12, "{} {}", floor("18:00:00"), floor("21:00:00"));
}

#[test]
fn all_of_the_openings_replicas_are_ordered_at_once() {
    let ordered = during_a_sale("18:55:00");
    let (calm, minute) = ([40.0; LEVELS.len()], SignedDuration::from_mins(1));
    let opens_in = |minutes: usize| {
        let mut input = ordered.clone();
        let rows = (0..10).map(|row| if row < minutes { calm } else { [700.0; LEVELS.len()] }).collect();
        let maximum = QuantileForecast::new(input.now, minute, rows).unwrap();
        input.forecast = ForecastInput::Available { maximum, trusted: true, data_until: input.now, bursty: false };
        decide(&input).forecast_floor
    };
    assert!(ordered.promotions[0].from <= ordered.now, "{:?}", ordered.promotions);
    assert_eq!(opens_in(5), Some(14), "what will be asked for at 19:00");
    assert_eq!(opens_in(6), Some(1), "what comes later can be ordered later");
}

#[test]
fn the_normal_load_of_the_forecast_counts_before_that_of_weeks_ago() {
    let (past, start, end) = (past(), time("19:00:00"), time("21:00:00"));
    let row = [NORMAL * 2.0; LEVELS.len()];
    let forecast = QuantileForecast::new(time("19:30:00"), SignedDuration::from_mins(30), vec![row; 3]).unwrap();
    let baseline = Baseline { forecast: Some(&forecast), past: Some(&past) };
    assert_eq!(baseline.at(time("20:00:00"), start), Some(NORMAL * 2.0), "although it was made after the start");
    assert_eq!(baseline.at(time("19:10:00"), start), Some(NORMAL));
    let span = SignedDuration::from_hours(7 * 24);
    let without = past.without(&[(start - span, end - span)]);
    let left = Baseline { forecast: None, past: Some(&without) };
    assert_eq!(left.at(time("20:00:00"), start), Some(NORMAL), "a promotion a week ago is passed over");
}
