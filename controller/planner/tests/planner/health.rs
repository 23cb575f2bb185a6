//! Sick pods: found against their peers, evicted within the rules, and never on missing evidence.

use jiff::{SignedDuration, Timestamp};
use presale_planner::{
    HealthInput, HealthPolicy, PromotionFloor, Recommendation,
    health::{Hold, PodReading, Suspect, Symptom, Verdict},
    remediate,
};
use proptest::{collection::vec, option, prelude::*};

use crate::arbitrary::{NOON, wild};

fn noon() -> Timestamp {
    Timestamp::from_second(NOON).unwrap()
}

fn pod(name: &str) -> PodReading {
    PodReading {
        name: name.into(),
        created: noon() - SignedDuration::from_hours(2),
        ready: true,
        not_ready_since: None,
        restarts: 0,
        load: Some(40.0),
        errors: Some(0.001),
        latency: Some(0.08),
    }
}

/// Five pods, the last of which is ten times as slow as the others and has been for two minutes.
fn one_slow() -> HealthInput {
    let mut pods: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().map(pod).collect();
    pods[4].latency = Some(0.8);
    let (since, seen) = (noon() - SignedDuration::from_mins(2), noon() - SignedDuration::from_secs(5));
    HealthInput {
        now: noon(),
        policy: HealthPolicy::default(),
        pods,
        replicas: 5,
        latency_limit: Some(0.25),
        lead_time: SignedDuration::from_secs(60),
        rolling_out: false,
        promotions: vec![],
        evictions: vec![],
        suspects: vec![Suspect { pod: "e".into(), since, seen, symptom: Symptom::Latency }],
    }
}

#[test]
fn a_slow_pod_among_fast_ones_is_evicted() {
    let remedy = remediate(&one_slow());
    assert_eq!((remedy.verdict, remedy.evict.as_deref(), remedy.held_by), (Verdict::Sick, Some("e"), None));
    assert_eq!(remedy.why, "Evict e: latency 800 ms, its peers' 80 ms at the same load.");
}

#[test]
fn it_must_be_confirmed_first() {
    let mut input = one_slow();
    input.suspects.clear();
    let first = remediate(&input);
    assert_eq!((first.evict.as_deref(), first.held_by), (None, Some(Hold::Confirming)));
    input.suspects = first.suspects;
    input.now += SignedDuration::from_secs(60);
    assert_eq!(remediate(&input).evict.as_deref(), Some("e"));
}

/// What comes of a pod that does not look sick for a while and then does again.
fn after(lapse: i64, change: fn(&mut PodReading)) -> (Option<String>, Option<String>) {
    let mut input = one_slow();
    let sick = input.pods[4].clone();
    change(&mut input.pods[4]);
    let mut evicted = None;
    for _ in 0..lapse / 5 {
        input.now += SignedDuration::from_secs(5);
        let remedy = remediate(&input);
        evicted = evicted.or(remedy.evict);
        input.suspects = remedy.suspects;
    }
    input.now += SignedDuration::from_secs(5);
    input.pods[4] = sick;
    (evicted, remediate(&input).evict)
}

#[test]
fn a_missing_reading_does_not_clear_a_suspect_and_evicts_nobody() {
    let (well, unread) = (|p: &mut PodReading| p.latency = Some(0.08), |p: &mut PodReading| p.latency = None);
    assert_eq!(after(5, well), (None, None), "it recovered: it must be confirmed anew");
    assert_eq!(after(50, unread), (None, Some("e".into())), "its scrapes failed");
    assert_eq!(after(90, unread), (None, None), "nothing was known of it for too long");
}

#[test]
fn pods_that_stand_out_for_a_moment_do_not_shield_the_sick_one() {
    let mut input = one_slow();
    input.pods.extend(["f", "g", "h", "i", "j"].map(pod));
    input.replicas = 10;
    for pod in &mut input.pods[5..8] {
        pod.latency = Some(0.6);
    }
    assert_eq!(remediate(&input).suspects.len(), 4, "three of them stand out just now");
    assert_eq!(remediate(&input).evict.as_deref(), Some("e"));
    for name in ["f", "g", "h"] {
        input.suspects.push(Suspect { pod: name.into(), ..input.suspects[0].clone() });
    }
    assert_eq!(remediate(&input).held_by, Some(Hold::Breaker), "four of ten for minutes: no restart cures that");
}

#[test]
fn when_all_are_slow_it_is_overload() {
    let mut input = one_slow();
    for pod in &mut input.pods {
        pod.latency = Some(0.9);
    }
    let remedy = remediate(&input);
    assert_eq!((remedy.verdict, remedy.evict), (Verdict::Overloaded, None));
    assert_eq!(remedy.why, "All pods are slow alike: replicas help, restarts do not.");
}

#[test]
fn a_pod_that_is_slow_under_more_load_is_hot_and_not_sick() {
    let mut input = one_slow();
    input.suspects.clear();
    input.pods[4].load = Some(120.0);
    assert_eq!(remediate(&input).suspects, []);
}

#[test]
fn errors_restarts_and_unreadiness_count_too() {
    let of = |change: fn(&mut PodReading)| {
        let mut input = one_slow();
        input.pods[4] = pod("e");
        change(&mut input.pods[4]);
        let remedy = remediate(&input);
        (remedy.evict.is_some(), remedy.suspects.first().map(|s| s.symptom))
    };
    assert_eq!(of(|p| p.errors = Some(0.4)), (true, Some(Symptom::Errors)));
    assert_eq!(of(|p| p.restarts = 4), (true, Some(Symptom::Restarts)));
    let unready = |p: &mut PodReading| {
        p.ready = false;
        p.not_ready_since = Some(noon() - SignedDuration::from_mins(5));
    };
    assert_eq!(of(unready), (true, Some(Symptom::NotReady)));
    assert_eq!(of(|p| p.latency = None), (false, Some(Symptom::Latency)), "unread, it is neither sick nor well");
}

#[test]
fn a_starting_pod_is_not_sick() {
    let mut input = one_slow();
    input.suspects.clear();
    input.pods[4].created = noon() - SignedDuration::from_secs(20);
    assert_eq!(remediate(&input).suspects, []);
}

#[test]
fn what_holds_an_eviction_is_named() {
    let held = |change: fn(&mut HealthInput)| {
        let mut input = one_slow();
        change(&mut input);
        let remedy = remediate(&input);
        assert_eq!(remedy.evict, None, "{remedy:?}");
        remedy.held_by.unwrap()
    };
    assert_eq!(held(|i| i.policy.evict = false), Hold::Mode);
    assert_eq!(held(|i| i.rolling_out = true), Hold::Rollout);
    assert_eq!(held(|i| i.evictions = vec![noon() - SignedDuration::from_mins(30); 6]), Hold::Budget);
    assert_eq!(held(|i| i.evictions = vec![noon() - SignedDuration::from_secs(30)]), Hold::Replacing);
    assert_eq!(held(|i| i.replicas = 9), Hold::MinHealthy);
    assert_eq!(held(|i| i.pods.iter_mut().take(3).for_each(|p| p.load = None)), Hold::Blackout);
    let promotion = |i: &mut HealthInput| {
        let (from, ends) = (noon() - SignedDuration::from_mins(5), noon() + SignedDuration::from_mins(5));
        let floors = vec![Recommendation { at: from, replicas: 5 }];
        let name = "flash".to_owned();
        i.promotions = vec![PromotionFloor { name, from, until: ends, starts: noon(), ends, floors, ceiling: None }];
    };
    assert_eq!(held(promotion), Hold::Promotion);
    let breaker = |i: &mut HealthInput| {
        i.pods[3].ready = false;
        i.pods[3].not_ready_since = Some(noon() - SignedDuration::from_mins(3));
    };
    assert_eq!(held(breaker), Hold::Breaker);
}

fn readings() -> impl Strategy<Value = PodReading> {
    let facts = (any::<bool>(), option::of(0_i64..4_000), 0_u32..6, 0_i64..10_000);
    (facts, option::of(wild()), option::of(wild()), option::of(wild())).prop_map(
        |((ready, unready, restarts, age), load, errors, latency)| PodReading {
            name: String::new(),
            created: noon() - SignedDuration::from_secs(age),
            ready,
            not_ready_since: unready.map(|s| noon() - SignedDuration::from_secs(s)),
            restarts,
            load,
            errors,
            latency,
        },
    )
}

fn input() -> impl Strategy<Value = HealthInput> {
    (vec(readings(), 0..9), 0_u32..12, vec(-4_000_i64..4_000, 0..8), any::<(bool, bool)>(), option::of(wild()))
        .prop_map(|(mut pods, replicas, evictions, (rolling_out, evict), latency_limit)| {
            for (i, pod) in pods.iter_mut().enumerate() {
                pod.name = format!("pod-{i}");
            }
            let long_ago = noon() - SignedDuration::from_hours(1);
            let suspect = |p: &PodReading| Suspect {
                pod: p.name.clone(),
                since: long_ago,
                seen: noon() - SignedDuration::from_secs(5),
                symptom: Symptom::Latency,
            };
            HealthInput {
                now: noon(),
                policy: HealthPolicy { evict, ..HealthPolicy::default() },
                suspects: pods.iter().map(suspect).collect(),
                pods,
                replicas,
                latency_limit,
                lead_time: SignedDuration::from_secs(60),
                rolling_out,
                promotions: vec![],
                evictions: evictions.into_iter().map(|s| noon() - SignedDuration::from_secs(s)).collect(),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_eviction_keeps_every_rule(input in input()) {
        let remedy = remediate(&input);
        prop_assert_eq!(&remedy, &remediate(&input.clone()));
        let Some(evicted) = &remedy.evict else { return Ok(()) };
        prop_assert!(remedy.verdict == Verdict::Sick && remedy.held_by.is_none());
        prop_assert!(input.policy.evict && !input.rolling_out);
        let hour = SignedDuration::from_hours(1);
        let used = input.evictions.iter().filter(|at| noon().duration_since(**at) < hour).count();
        prop_assert!(used < 6);
        let sick = |name: &str| remedy.suspects.iter().any(|s| s.pod == name);
        let healthy = input.pods.iter().filter(|p| p.ready && !sick(&p.name)).count();
        prop_assert!(healthy as f64 >= 0.6 * f64::from(input.replicas));
        prop_assert!(input.pods.iter().any(|p| &p.name == evicted));
        prop_assert!(remedy.suspects.len() == 1 || remedy.suspects.len() as f64 <= 0.3 * input.pods.len() as f64);
        let measured = input.pods.iter().filter(|p| p.ready && p.load.is_some_and(f64::is_finite)).count();
        let ready = input.pods.iter().filter(|p| p.ready).count();
        prop_assert!(2 * measured >= ready && ready > 0);
    }

    #[test]
    fn a_blackout_evicts_nothing(mut input in input()) {
        for pod in &mut input.pods {
            (pod.load, pod.errors, pod.latency) = (None, None, None);
        }
        prop_assert_eq!(remediate(&input).evict, None);
    }
}
