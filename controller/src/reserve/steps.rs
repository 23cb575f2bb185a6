//! What is to be done next for a service with a warm reserve: a pure function from what runs and what is wanted.
//!
//! It looks at labels, sizes and readiness as they are, and knows nothing of how they came to be: killed after any step,
//! the operator goes on from what it finds. A label that a human changed is a wish about which pod serves, never about how
//! many: `false` puts that pod into the reserve and another one in its place, `true` brings it back and sends another one
//! off; a pod without the label counts as cut off, since its Service does not lead there. Marks that do not fit the label
//! are mended.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

/// One pod of the service that is not on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// The node that runs it.
    pub(crate) node: Option<String>,
    /// Whether it is Ready.
    pub(crate) ready: bool,
    /// Whether its Service leads to it.
    pub(crate) in_service: bool,
    /// Whether its other marks (cost of deletion, size noted, an explicit label) fit that.
    pub(crate) tidy: bool,
    /// Its size, as its spec states it.
    pub(crate) size: Size,
    /// How far its growth has come.
    pub(crate) growth: Growth,
    /// For how long it has had no request at work and got no new one; `None` = nobody knows.
    pub(crate) quiet: Option<SignedDuration>,
}

/// A pod's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As in service.
    Full,
    /// As in reserve.
    Small,
    /// As in service, and nothing of it can be given back.
    Fixed,
}

/// How far a growth has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// The pod has its size, or will within a moment.
    Settled,
    /// Its node has no room, now or ever: whatever its label, it is no capacity.
    Stuck,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own; no two exclude each other")]
pub(crate) struct Wanted {
    /// Pods that serve; below one it is one.
    pub(crate) active: u32,
    /// Pods in reserve.
    pub(crate) warm: u32,
    /// Most replicas together.
    pub(crate) most: u32,
    /// How long a pod must have been quiet before it is shrunk.
    pub(crate) grace: SignedDuration,
    /// Whether the server resizes pods in place.
    pub(crate) can_resize: bool,
    /// Whether capacity may be raised: pods put back, replicas added.
    pub(crate) may_raise: bool,
    /// Whether it may be lowered: pods cut off, replicas removed.
    pub(crate) may_lower: bool,
    /// Whether older pods are being replaced: new ones serve first, and the reserve forms when that is over.
    pub(crate) rolling_out: bool,
}

/// One write. Those of one pod stand next to each other and in order: where one fails, the rest of that pod wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Give the pod the size that it has in service.
    Grow(String),
    /// Lead its Service to it, and let it be removed like any other.
    PutInService(String),
    /// Lead its Service past it, note its size, and let it be removed before others.
    CutOff(String),
    /// Give it the size that it has in reserve.
    Shrink(String),
    /// Replicas of the Deployment.
    Scale(u32),
}

impl Step {
    /// The pod that it is about.
    pub(crate) fn pod(&self) -> Option<&str> {
        match self {
            Self::Grow(pod) | Self::PutInService(pod) | Self::CutOff(pod) | Self::Shrink(pod) => Some(pod),
            Self::Scale(_) => None,
        }
    }
}

/// Whether a pod serves, as a decision counts it.
pub(crate) fn serves(pod: &Pod) -> bool {
    pod.in_service && pod.ready && pod.growth != Growth::Stuck
}

/// Whether a pod can be put back in service at once.
pub(crate) fn is_warm(pod: &Pod, can_resize: bool) -> bool {
    !pod.in_service && pod.ready && pod.growth != Growth::Stuck && (pod.size != Size::Small || can_resize)
}

/// The steps that bring `pods`, of a Deployment with so many `replicas` in its spec, nearer to what is wanted; none where
/// nothing is left to do.
///
/// Capacity comes before everything else and leaves last: pods return before replicas are added, and replicas are removed
/// only in a round that has nothing else to do, when every pod carries the marks by which the right ones go. Pods beyond
/// what is active are cut off, never below it. A pod that is stuck in its growth is replaced by a new one while it is
/// missed, and given its small size again when it is not.
pub(crate) fn steps(replicas: u32, pods: &[Pod], wanted: &Wanted) -> Vec<Step> {
    let active = wanted.active.max(1);
    let serving = clip(pods.iter().filter(|pod| serves(pod)).count());
    let short = active.saturating_sub(serving);
    let mut steps = Vec::new();

    let returning: Vec<&Pod> = if wanted.may_raise { first_back(pods, short, wanted.can_resize) } else { Vec::new() };
    for pod in &returning {
        put_back(pod, &mut steps);
    }
    let surplus = if wanted.may_lower && !wanted.rolling_out { serving.saturating_sub(active) } else { 0 };
    let leaving = first_off(pods, surplus);
    mend_serving(pods.iter().filter(|pod| !leaving.contains(pod)), serving, wanted, &mut steps);
    steps.extend(leaving.iter().map(|pod| Step::CutOff(pod.name.clone())));
    let missed = short.saturating_sub(clip(returning.len()));
    for pod in pods.iter().filter(|pod| !pod.in_service && !returning.contains(pod)) {
        tend(pod, missed, wanted, &mut steps);
    }

    let stuck = clip(pods.iter().filter(|pod| !pod.in_service && pod.growth == Growth::Stuck).count());
    let total = active.saturating_add(wanted.warm).saturating_add(stuck.min(missed)).min(wanted.most.max(active));
    let raises = total > replicas && wanted.may_raise;
    let lowers = total < replicas && wanted.may_lower && steps.is_empty();
    if raises || lowers {
        steps.push(Step::Scale(total));
    }
    steps
}

/// Warm pods in the order in which they return: those that need not grow, then those on nodes where few serve, the oldest;
/// last one that a hand has just cut off.
fn first_back(pods: &[Pod], count: u32, can_resize: bool) -> Vec<&Pod> {
    let mut warm: Vec<&Pod> = pods.iter().filter(|pod| is_warm(pod, can_resize)).collect();
    warm.sort_by_key(|pod| (!pod.tidy, pod.size == Size::Small, crowd(pods, pod), pod.created, pod.name.as_str()));
    warm.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    warm
}

/// Serving pods in the order in which they are cut off: those on nodes where many serve, the youngest, whose caches are
/// cold; last one that a hand has just put in service.
fn first_off(pods: &[Pod], count: u32) -> Vec<&Pod> {
    let mut serving: Vec<&Pod> = pods.iter().filter(|pod| serves(pod)).collect();
    serving.sort_by_key(|pod| (!pod.tidy, Reverse(crowd(pods, pod)), Reverse(pod.created), pod.name.as_str()));
    serving.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    serving
}

fn crowd(pods: &[Pod], pod: &Pod) -> usize {
    pods.iter().filter(|other| serves(other) && other.node == pod.node).count()
}

fn put_back(pod: &Pod, steps: &mut Vec<Step>) {
    if pod.size == Size::Small {
        steps.push(Step::Grow(pod.name.clone()));
    }
    steps.push(Step::PutInService(pod.name.clone()));
}

/// Pods in service that are small are grown, marks that were left are taken away, and one that is stuck leaves where
/// others serve: it would answer at a crawl.
fn mend_serving<'a>(pods: impl Iterator<Item = &'a Pod>, serving: u32, wanted: &Wanted, steps: &mut Vec<Step>) {
    for pod in pods.filter(|pod| pod.in_service) {
        if pod.growth == Growth::Stuck {
            if serving > 0 {
                steps.push(Step::CutOff(pod.name.clone()));
            }
            continue;
        }
        if pod.size == Size::Small && wanted.can_resize {
            steps.push(Step::Grow(pod.name.clone()));
        }
        if !pod.tidy {
            steps.push(Step::PutInService(pod.name.clone()));
        }
    }
}

/// A pod out of service is marked, and shrunk once it is quiet; one that is stuck goes on asking for room while it is
/// missed.
fn tend(pod: &Pod, missed: u32, wanted: &Wanted, steps: &mut Vec<Step>) {
    if !pod.tidy {
        steps.push(Step::CutOff(pod.name.clone()));
        return;
    }
    let quiet = pod.quiet.is_some_and(|quiet| quiet >= wanted.grace);
    let awaited = pod.growth == Growth::Stuck && missed > 0;
    if pod.size == Size::Full && quiet && wanted.can_resize && !awaited {
        steps.push(Step::Shrink(pod.name.clone()));
    }
}

fn clip(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
