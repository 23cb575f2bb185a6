//! From any state, killed after any step and with hands in between, the reserve comes to what is wanted, and never at the
//! price of what serves.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::steps::{Growth, Pod, Size, Step, Wanted, is_warm, serves, steps};

const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// A service whose Deployment, kubelet and people are played after what the real ones do.
#[derive(Debug, Clone)]
struct World {
    replicas: u32,
    pods: Vec<Pod>,
    made: u32,
    /// Whether nodes have room for a pod that grows.
    room: bool,
}

impl World {
    /// Carries out one step as the API server does.
    fn carry_out(&mut self, step: &Step) {
        if let Step::Scale(replicas) = step {
            self.replicas = *replicas;
            return;
        }
        let room = self.room;
        let Some(pod) = self.pods.iter_mut().find(|pod| Some(pod.name.as_str()) == step.pod()) else { return };
        match step {
            Step::Grow(_) => {
                pod.size = Size::Full;
                pod.growth = if room { Growth::Settled } else { Growth::Stuck };
            }
            Step::PutInService(_) => (pod.in_service, pod.tidy, pod.quiet) = (true, true, None),
            Step::CutOff(_) => {
                if pod.in_service {
                    pod.quiet = Some(SignedDuration::ZERO);
                }
                (pod.in_service, pod.tidy) = (false, true);
            }
            Step::Shrink(_) => (pod.size, pod.growth) = (Size::Small, Growth::Settled),
            Step::Scale(_) => {}
        }
    }

    /// What time brings: pods are made and removed as a `ReplicaSet` does, become Ready, and fall quiet once cut off.
    fn pass_time(&mut self) {
        while self.pods.len() > self.replicas as usize {
            let first = self.pods.iter().enumerate().min_by_key(|(_, pod)| {
                let cheap = !pod.in_service && pod.tidy;
                (pod.ready, !cheap, pod.name.clone())
            });
            let at = first.map_or(0, |(at, _)| at);
            self.pods.remove(at);
        }
        for pod in &mut self.pods {
            pod.ready = true;
            if !pod.in_service {
                pod.quiet = Some(pod.quiet.unwrap_or_default() + GRACE);
            }
        }
        while self.pods.len() < self.replicas as usize {
            self.made += 1;
            self.pods.push(Pod {
                name: format!("new-{:04}", self.made),
                created: Timestamp::UNIX_EPOCH,
                node: None,
                ready: false,
                in_service: true,
                tidy: true,
                size: Size::Full,
                growth: Growth::Settled,
                quiet: None,
            });
        }
    }

    fn serving(&self) -> usize {
        self.pods.iter().filter(|pod| serves(pod)).count()
    }

    fn warm(&self) -> usize {
        self.pods.iter().filter(|pod| is_warm(pod, true)).count()
    }
}

fn pod(at: usize) -> impl Strategy<Value = Pod> {
    let size = prop_oneof![3 => Just(Size::Full), 2 => Just(Size::Small)];
    let growth = prop_oneof![5 => Just(Growth::Settled), 1 => Just(Growth::Stuck)];
    let quiet = prop_oneof![Just(None), (0_i64..30).prop_map(|s| Some(SignedDuration::from_secs(s)))];
    (any::<bool>(), any::<bool>(), any::<bool>(), size, growth, quiet, 0_u8..3).prop_map(
        move |(ready, in_service, tidy, size, growth, quiet, node)| Pod {
            name: format!("pod-{at}"),
            created: Timestamp::UNIX_EPOCH,
            node: Some(format!("node-{node}")),
            ready,
            in_service,
            tidy,
            size,
            // A pod that has its small size waits for nothing.
            growth: if size == Size::Small { Growth::Settled } else { growth },
            quiet,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let pods = (0_usize..9).prop_flat_map(|count| (0..count).map(pod).collect::<Vec<_>>());
    (pods, 0_u32..12, any::<bool>()).prop_map(|(pods, replicas, room)| World { replicas, pods, made: 0, room })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (1_u32..8, 0_u32..5, any::<bool>()).prop_map(|(active, warm, can_resize)| Wanted {
        active,
        warm,
        most: 12,
        grace: GRACE,
        can_resize,
        may_raise: true,
        may_lower: true,
        rolling_out: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn from_any_state_it_comes_to_what_is_wanted(
        start in world(), wanted in wanted(), kills in proptest::collection::vec(0_usize..4, 0..6),
        hands in proptest::collection::vec((0_usize..9, any::<bool>()), 0..3),
    ) {
        let mut world = start;
        let wanted = Wanted { can_resize: true, ..wanted };
        for (round, kept) in kills.iter().enumerate() {
            for step in steps(world.replicas, &world.pods, &wanted).iter().take(*kept) {
                world.carry_out(step);
            }
            if let Some((at, label)) = hands.get(round)
                && let Some(pod) = world.pods.get_mut(*at)
            {
                (pod.in_service, pod.tidy) = (*label, false);
            }
            world.pass_time();
        }
        world.room = true;
        for pod in &mut world.pods {
            pod.growth = Growth::Settled;
        }
        let mut rounds = 0;
        loop {
            let next = steps(world.replicas, &world.pods, &wanted);
            let before = world.clone();
            for step in &next {
                world.carry_out(step);
            }
            world.pass_time();
            let at_rest = next.is_empty() && world.pods == before.pods;
            let only_quieter = next.is_empty() && world.pods.len() == before.pods.len();
            if at_rest || only_quieter && world.pods.iter().all(|pod| pod.ready) && steps(world.replicas, &world.pods, &wanted).is_empty() {
                break;
            }
            rounds += 1;
            prop_assert!(rounds < 40, "it never rests: {world:#?} {next:?}");
        }
        prop_assert_eq!(world.serving(), wanted.active as usize);
        prop_assert_eq!(world.warm(), wanted.warm as usize);
        prop_assert_eq!(world.replicas, wanted.active + wanted.warm);
        for pod in &world.pods {
            prop_assert!(pod.tidy, "{pod:?}");
            prop_assert_eq!(pod.size, if pod.in_service { Size::Full } else { Size::Small });
        }
    }

    #[test]
    fn what_serves_is_never_taken_below_what_is_wanted(start in world(), wanted in wanted(), kept in 0_usize..20) {
        // Fewer replicas than pods were somebody else's wish, which is not judged here.
        let replicas = start.replicas.max(u32::try_from(start.pods.len()).unwrap());
        let mut world = World { replicas, ..start };
        for _ in 0..6 {
            let before = world.serving();
            let next = steps(world.replicas, &world.pods, &wanted);
            for step in next.iter().take(kept) {
                world.carry_out(step);
                let floor = before.min(wanted.active as usize);
                prop_assert!(world.serving() >= floor || !world.room, "{step:?} of {next:?} left {}", world.serving());
                prop_assert!(world.serving() >= before.min(1) || !world.room);
            }
            let before = world.serving();
            world.pass_time();
            prop_assert!(world.serving() >= before.min(wanted.active as usize), "removed what serves: {next:?}");
        }
    }

    #[test]
    fn a_pod_that_is_stuck_is_replaced_and_no_capacity(start in world(), wanted in wanted()) {
        let next = steps(start.replicas, &start.pods, &wanted);
        let serving = u32::try_from(start.serving()).unwrap();
        let warm = start.pods.iter().filter(|pod| is_warm(pod, wanted.can_resize)).count();
        let missed = wanted.active.saturating_sub(serving + u32::try_from(warm).unwrap());
        let stuck = start.pods.iter().filter(|pod| !pod.in_service && pod.growth == Growth::Stuck).count();
        let more = missed.min(u32::try_from(stuck).unwrap());
        let total = (wanted.active + wanted.warm + more).min(wanted.most);
        if start.replicas < total {
            prop_assert!(next.contains(&Step::Scale(total)), "{next:?} does not scale to {total}");
        }
        for pod in start.pods.iter().filter(|pod| pod.growth == Growth::Stuck) {
            prop_assert!(!next.contains(&Step::PutInService(pod.name.clone())), "{next:?}");
        }
    }

    #[test]
    fn only_quiet_pods_out_of_service_shrink(start in world(), wanted in wanted()) {
        for step in steps(start.replicas, &start.pods, &wanted) {
            let pod = start.pods.iter().find(|pod| Some(pod.name.as_str()) == step.pod());
            if let Step::Shrink(_) = step {
                let pod = pod.unwrap();
                prop_assert!(!pod.in_service && pod.size == Size::Full && wanted.can_resize, "{pod:?}");
                prop_assert!(pod.quiet.is_some_and(|quiet| quiet >= GRACE), "{pod:?}");
            }
        }
    }

    #[test]
    fn what_is_held_is_not_done(start in world(), wanted in wanted()) {
        let held = Wanted { may_raise: false, may_lower: false, ..wanted };
        for step in steps(start.replicas, &start.pods, &held) {
            prop_assert!(!matches!(step, Step::Scale(_)), "{step:?}");
            let pod = start.pods.iter().find(|pod| Some(pod.name.as_str()) == step.pod()).unwrap();
            let moves = match step {
                Step::PutInService(_) => !pod.in_service,
                Step::CutOff(_) => pod.in_service && pod.growth != Growth::Stuck,
                _ => false,
            };
            prop_assert!(!moves, "{step:?} of {pod:?}");
        }
        let rolling = Wanted { rolling_out: true, ..wanted };
        for step in steps(start.replicas, &start.pods, &rolling) {
            if let Step::CutOff(name) = &step {
                let pod = start.pods.iter().find(|pod| pod.name == *name).unwrap();
                prop_assert!(!serves(pod), "a reserve forms when the rollout is over: {pod:?}");
            }
        }
    }
}
