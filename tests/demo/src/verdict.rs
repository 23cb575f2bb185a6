//! What it came to: figures per act and side, and whether each promise was kept. Pure: frames and seconds in, table out.

use serde::Serialize;

use crate::records::{Failed, Seconds};
use crate::scenario::{Act, MAXIMUM, MINIMUM, SLO, Schedule};
use crate::size::Size;
use crate::watch::Frame;
use crate::whole::{self, Seen};

/// One side in one act.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Requests meant to start.
    pub(crate) requests: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Highest 99th percentile of any second; `None` without an answer.
    pub(crate) worst_p99_ms: Option<f64>,
    /// Seconds whose 99th percentile was over the objective, or in which a request failed.
    pub(crate) seconds_over: u64,
    /// Pods' time.
    pub(crate) replica_minutes: f64,
}

/// One promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Promise {
    /// What was promised.
    pub(crate) what: String,
    /// What was measured.
    pub(crate) measured: String,
    /// Whether it was kept.
    pub(crate) kept: bool,
}

/// What the acts have seen that frames alone do not tell. **Unit**: seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Story {
    /// The pod that was made sick, and when.
    pub(crate) sick: Option<(String, i64)>,
    /// When it was found and put away.
    pub(crate) evicted: Option<i64>,
    /// When as many pods were Ready again without it.
    pub(crate) healed: Option<i64>,
    /// The whole shop.
    pub(crate) whole: Seen,
}

/// The whole verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// Per act, both sides.
    pub(crate) acts: Vec<(Act, [Figures; 2])>,
    /// From the first to the last second, both sides.
    pub(crate) whole: [Figures; 2],
    /// Seconds by which capacity was Ready before the rise and before the promotion; `None` = never.
    pub(crate) ready_before: [Option<i64>; 2],
    /// Seconds from the fault to as many Ready pods without the sick one.
    pub(crate) heal_seconds: Option<i64>,
    /// Share of the time outside of the promotion in which the load lay within the forecast's 95 % band.
    pub(crate) within_band: Option<f64>,
    /// Lowest share of idle processors over 15 s during the acts.
    pub(crate) least_idle: f64,
    /// All promises.
    pub(crate) promises: Vec<Promise>,
    /// Whether the machine was too busy for the figures to mean anything.
    pub(crate) void: bool,
}

impl Verdict {
    /// Judges.
    pub(crate) fn of(schedule: &Schedule, size: Size, frames: &[Frame], seconds: &Seconds, story: &Story) -> Self {
        let acts: Vec<(Act, [Figures; 2])> = Act::ALL
            .into_iter()
            .map(|act| (act, [0, 1].map(|side| figures(frames, seconds, side, |at| schedule.act(at) == Some(act)))))
            .collect();
        let open = schedule.open..schedule.close;
        let whole = [0, 1].map(|side| figures(frames, seconds, side, |at| open.contains(&at)));
        let ready_before = [(schedule.rise, schedule.fall), (schedule.promotion, schedule.promotion_over)]
            .map(|(start, end)| ready_before(frames, size.per_replica, start, end));
        let heal_seconds = story.sick.as_ref().zip(story.healed).map(|((_, fault), healed)| healed - fault);
        let mut verdict = Self {
            acts,
            whole,
            ready_before,
            heal_seconds,
            within_band: within_band(schedule, frames),
            least_idle: least_idle(schedule, frames),
            promises: Vec::new(),
            void: false,
        };
        verdict.void = verdict.least_idle < 0.10;
        verdict.promises = promises(&verdict, schedule, frames, seconds);
        verdict.promises.extend(whole::promises(&story.whole));
        verdict
    }

    /// Whether every promise was kept on a machine that was not too busy.
    pub(crate) fn passed(&self) -> bool {
        !self.void && self.promises.iter().all(|promise| promise.kept)
    }
}

fn promises(verdict: &Verdict, schedule: &Schedule, frames: &[Frame], seconds: &Seconds) -> Vec<Promise> {
    let promise = |what: &str, measured: String, kept| Promise { what: what.to_owned(), measured, kept };
    let lead = |lead: Option<i64>| lead.map_or("never".to_owned(), |lead| format!("{lead} s before"));
    let [rise, promotion] = verdict.ready_before;
    let mut failed = Failed::default();
    let healthy = seconds.iter().filter(|(at, _)| schedule.act(**at) != Some(Act::Fault));
    healthy.filter_map(|(_, sides)| sides[0]).for_each(|second| failed += second.failed);
    let [ours, twin] = [0, 1].map(|side| verdict.whole[side].replica_minutes);
    let last = frames.last().and_then(|frame| frame.pods[0].zip(frame.decision.as_ref()));
    let mut promises = vec![
        promise("capacity Ready at least 15 s before the promotion", lead(promotion), promotion >= Some(15)),
        promise("capacity Ready before the daily rise", lead(rise), rise >= Some(1)),
        promise("no request failed through scaling", failed.to_string(), failed.all() == 0),
    ];
    for (act, [presale, twin]) in verdict.acts.iter().filter(|(act, _)| *act != Act::Fault) {
        let measured = format!("{} s against {} s", presale.seconds_over, twin.seconds_over);
        let what = format!("{}: fewer seconds over {} ms than the HPA twin", act.title(), SLO.as_millis());
        promises.push(promise(&what, measured, presale.seconds_over < twin.seconds_over));
    }
    let heal = verdict.heal_seconds.map_or("not healed".to_owned(), |seconds| format!("{seconds} s"));
    let band = verdict.within_band.map_or("unknown".to_owned(), |share| format!("{:.0} %", share * 100.0));
    promises.extend([
        promise("the sick pod was found, evicted and replaced", heal, verdict.heal_seconds.is_some()),
        promise(
            "replica-minutes at most 1.4 × the twin's",
            format!("{ours:.1} against {twin:.1}"),
            twin > 0.0 && ours <= 1.4 * twin,
        ),
        promise(
            "back at the minimum at the end",
            last.as_ref().map_or("unknown".to_owned(), |(pods, _)| format!("{pods} pods")),
            last.is_some_and(|(pods, decision)| pods == MINIMUM && decision.desired == MINIMUM),
        ),
        promise(
            "load within the forecast's 95 % band at least 90 % of the time outside of the promotion",
            band,
            verdict.within_band.is_some_and(|share| share >= 0.9),
        ),
    ]);
    promises
}

fn figures(frames: &[Frame], seconds: &Seconds, side: usize, within: impl Fn(i64) -> bool) -> Figures {
    let mine = seconds.iter().filter(|(at, _)| within(**at)).filter_map(|(_, sides)| sides.get(side).copied()?);
    let limit = SLO.as_secs_f64() * 1000.0;
    let mut figures = Figures { requests: 0, failed: 0, worst_p99_ms: None, seconds_over: 0, replica_minutes: 0.0 };
    for second in mine {
        figures.requests += second.offered;
        figures.failed += second.failed.all();
        figures.worst_p99_ms = [figures.worst_p99_ms, second.p99_ms].into_iter().flatten().reduce(f64::max);
        figures.seconds_over += u64::from(second.failed.all() > 0 || second.p99_ms.is_some_and(|p99| p99 > limit));
    }
    for pair in frames.windows(2) {
        if let ([before, after], true) = (pair, within(pair[0].at)) {
            let pods = before.pods[side].map_or(0.0, f64::from);
            figures.replica_minutes += pods * (after.at - before.at) as f64 / 60.0;
        }
    }
    figures
}

/// Seconds before `start` at which Presale's Ready pods reached, for good, what the load until `end` needs at the stated
/// requests per replica, and what Presale had ordered itself by the start.
///
/// A service that grew only once the load was there has what it needed after the start: a negative number.
fn ready_before(frames: &[Frame], per_replica: u32, start: i64, end: i64) -> Option<i64> {
    let loads = frames.iter().filter(|frame| (start..end).contains(&frame.at)).filter_map(|frame| frame.load);
    let highest = loads.reduce(f64::max)?;
    let ordered = frames.iter().rfind(|frame| frame.at < start).and_then(|frame| frame.decision.as_ref())?.desired;
    let serve = |pods: &u32| f64::from(*pods) * f64::from(per_replica) >= highest;
    let needed = (ordered..MAXIMUM).find(serve).unwrap_or(MAXIMUM);
    let before = frames.iter().filter(|frame| frame.at < start + 45);
    let short = before.filter(|frame| frame.ready[0].is_some_and(|ready| ready < needed)).map(|frame| frame.at).max();
    let since = frames.iter().map(|frame| frame.at).find(|at| short.is_none_or(|short| *at > short))?;
    (needed > MINIMUM).then_some(start - since)
}

/// Share of looks outside of the promotion (and of what the fault distorts) in which the load lay within the band.
fn within_band(schedule: &Schedule, frames: &[Frame]) -> Option<f64> {
    let outside = frames.iter().filter(|frame| {
        let settled = frame.at >= schedule.open + 30 && frame.at < schedule.close;
        let promoted = (schedule.promotion - 5..schedule.promotion_over + 30).contains(&frame.at);
        settled && !promoted
    });
    let judged: Vec<bool> = outside
        .filter_map(|frame| Some((frame.load?, frame.band?)))
        .map(|(load, [low, _, high])| (low..=high).contains(&load))
        .collect();
    let within = judged.iter().filter(|within| **within).count();
    (!judged.is_empty()).then(|| within as f64 / judged.len() as f64)
}

/// The lowest mean of fifteen looks in a row during acts.
fn least_idle(schedule: &Schedule, frames: &[Frame]) -> f64 {
    let during: Vec<f64> =
        frames.iter().filter(|frame| schedule.act(frame.at).is_some()).map(|frame| frame.idle).collect();
    let means = during.windows(15).map(|window| window.iter().sum::<f64>() / window.len() as f64);
    means.reduce(f64::min).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Second;
    use crate::records::tests::failed;
    use crate::watch::Decision;

    const SIZE: Size = Size { request_cpu_ms: 1.6, per_replica: 20 };

    fn frame(at: i64, ready: [u32; 2]) -> Frame {
        let decision = Decision { desired: ready[0], reason: "Forecast".into(), message: String::new() };
        Frame {
            at,
            pods: ready.map(Some),
            ready: ready.map(Some),
            decision: Some(decision),
            next: None,
            load: Some(20.0),
            band: Some([10.0, 20.0, 30.0]),
            idle: 0.5,
            well: Vec::new(),
            promotion: None,
            shop: None,
        }
    }

    /// A run in which Presale is at 8 pods 40 s before each start, and its twin 60 s after it.
    fn good(s: &Schedule) -> (Vec<Frame>, Seconds, Story) {
        let near = |at: i64, before: i64, after: i64| {
            [(s.rise, s.fall), (s.promotion, s.promotion_over)]
                .iter()
                .any(|(start, end)| (start - before..end + after).contains(&at))
        };
        let replicas = |up| if up { 8 } else { MINIMUM };
        let frames = (s.open..s.close).map(|at| frame(at, [replicas(near(at, 40, 15)), replicas(near(at, -60, 30))]));
        let seconds = (s.open..s.close).map(|at| {
            let slow = near(at, 0, 0) && !near(at, -60, 0);
            let second = |p99| Some(Second { offered: 50, failed: Failed::default(), p99_ms: Some(p99) });
            (at, [second(40.0), second(if slow { 900.0 } else { 40.0 })])
        });
        let (sick, whole) = (Some(("a".into(), s.fault)), whole::tests::good());
        let story = Story { sick, evicted: Some(s.fault + 40), healed: Some(s.fault + 45), whole };
        (frames.collect(), seconds.collect(), story)
    }

    fn broken(verdict: &Verdict) -> Vec<&str> {
        verdict.promises.iter().filter(|promise| !promise.kept).map(|promise| promise.what.as_str()).collect()
    }

    #[test]
    fn a_run_that_keeps_its_promises_passes() {
        for now in [1_800_000_000, 1_800_000_150] {
            let s = Schedule::from(now);
            let (frames, seconds, story) = good(&s);
            let verdict = Verdict::of(&s, SIZE, &frames, &seconds, &story);
            assert_eq!(broken(&verdict), Vec::<&str>::new());
            assert!(verdict.passed());
            assert!(verdict.ready_before.iter().all(|lead| *lead >= Some(40)), "{:?}", verdict.ready_before);
            assert_eq!(verdict.heal_seconds, Some(45));
        }
    }

    #[test]
    fn each_promise_can_be_broken() {
        let s = Schedule::from(1_800_000_000);
        let (frames, seconds, story) = good(&s);
        let mut late = frames.clone();
        late.iter_mut()
            .filter(|f| f.at < s.promotion + 10 && f.at > s.promotion - 60)
            .for_each(|f| f.ready[0] = Some(4));
        assert_eq!(Verdict::of(&s, SIZE, &late, &seconds, &story).ready_before[1], Some(-10));
        let mut failing = seconds.clone();
        failing.insert(s.rise + 5, [Some(Second { offered: 9, failed: failed("timeout", 1), p99_ms: None }), None]);
        assert_eq!(broken(&Verdict::of(&s, SIZE, &frames, &failing, &story)), ["no request failed through scaling"]);
        let apart = Seconds::from([(
            s.fault + 5,
            [Some(Second { offered: 9, failed: failed("timeout", 1), p99_ms: None }), None],
        )]);
        let both: Seconds = seconds.clone().into_iter().chain(apart).collect();
        assert!(Verdict::of(&s, SIZE, &frames, &both, &story).passed(), "the fault's own failures are counted apart");
        let late = Seconds::from([(
            s.fault_over + 9,
            [Some(Second { offered: 9, failed: failed("timeout", 1), p99_ms: None }), None],
        )]);
        let late: Seconds = seconds.clone().into_iter().chain(late).collect();
        assert!(
            !Verdict::of(&s.healed(story.healed), SIZE, &frames, &late, &story).passed(),
            "it was healed long before"
        );
        let slowly = Story { healed: Some(s.fault_over + 10), ..story.clone() };
        assert!(Verdict::of(&s.healed(slowly.healed), SIZE, &frames, &late, &slowly).passed(), "it was not healed yet");
        let unhealed = Story { healed: None, ..story.clone() };
        assert_eq!(broken(&Verdict::of(&s, SIZE, &frames, &seconds, &unhealed)).len(), 1);
        let mut outside = frames.clone();
        outside.iter_mut().filter(|f| f.at % 3 == 0).for_each(|f| f.load = Some(99.0));
        assert_eq!(broken(&Verdict::of(&s, SIZE, &outside, &seconds, &story)).len(), 1);
        let mut busy = frames.clone();
        for frame in &mut busy {
            frame.idle = 0.05;
        }
        let verdict = Verdict::of(&s, SIZE, &busy, &seconds, &story);
        assert!(verdict.void && !verdict.passed());
        let mut high = frames;
        for frame in &mut high {
            frame.pods[0] = Some(10);
        }
        assert_eq!(
            broken(&Verdict::of(&s, SIZE, &high, &seconds, &story)).len(),
            2,
            "too dear, and not back at the minimum"
        );
    }
}
