//! The play: builds the stage, keeps the load coming, plays the acts at their times, watches, judges, clears away.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use loadgen::progress::Progress;
use loadgen::run::{Plan, RunError, Surroundings, Verdict as LoadVerdict, run};
use loadgen::session::{Assortment, Visitors};
use loadgen::target::Target;
use test_kit::Node;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::records::Records;
use crate::scenario::{self, NAMESPACE, NODE_PORTS, SERVICE, SIDES, Schedule, UPLIFT};
use crate::setup::{self, Floor, KUBECONFIG, Stage};
use crate::size::Size;
use crate::verdict::{Story, Verdict};
use crate::view::View;
use crate::watch::{Frame, Watch};
use crate::{page, table, view, whole};

/// How to play.
#[derive(Debug)]
pub(crate) struct Options {
    /// Folder for the verdict.
    pub(crate) out: PathBuf,
    /// Seed of the visitors.
    pub(crate) seed: u64,
    /// Lines instead of a live view.
    pub(crate) plain: bool,
    /// Leave everything running.
    pub(crate) keep: bool,
}

/// Plays it and returns the verdict.
///
/// # Errors
/// Where a part cannot be started, an act cannot be played, or Ctrl-C ended it; what was built is cleared away first.
pub(crate) async fn play(options: Options, stop: CancellationToken) -> anyhow::Result<Verdict> {
    let ground_stays = setup::ground_is_up();
    let played = stop.run_until_cancelled(Box::pin(from_floor_to_end(&options))).await;
    if options.keep {
        view::line(&format!(
            "left running: kubectl --kubeconfig {KUBECONFIG} -n {NAMESPACE} get shop,promo,pods; -n {} has the whole shop",
            whole::NAMESPACE
        ));
    } else {
        view::line("clearing away");
        setup::clear_away(ground_stays).await?;
    }
    let Played { schedule, size, frames, records, story } = played.context("Ctrl-C")??;
    let seconds = records.seconds();
    let schedule = schedule.healed(story.healed);
    let verdict = Verdict::of(&schedule, size, &frames, &seconds, &story);
    view::line(&table::verdict(&verdict));
    let material = page::Material {
        schedule: &schedule,
        size,
        frames: &frames,
        seconds: &seconds,
        story: &story,
        verdict: &verdict,
    };
    page::write(&options.out, &material)?;
    view::line(&format!("with charts: {}", options.out.join("verdict.html").display()));
    Ok(verdict)
}

/// What was played and what came of it.
struct Played {
    schedule: Schedule,
    size: Size,
    frames: Vec<Frame>,
    records: Records,
    story: Story,
}

async fn from_floor_to_end(options: &Options) -> anyhow::Result<Played> {
    let say = |text: String| view::line(&text);
    let floor = Floor::lay(&say).await?;
    let size = floor.measure(options.seed, &say).await?;
    let schedule = Schedule::from(now().as_second());
    view::line(&table::announcement(&schedule, size));
    let visitors = schedule.visitors(size, options.seed)?;
    let stage = Stage::build(floor, visitors.clone(), schedule.open, size, &say).await?;
    let (frames, records, story) = acts(options, &schedule, visitors, &stage).await?;
    Ok(Played { schedule, size, frames, records, story })
}

async fn acts(
    options: &Options,
    schedule: &Schedule,
    visitors: Visitors,
    stage: &Stage,
) -> anyhow::Result<(Vec<Frame>, Records, Story)> {
    let late = now().as_second() - schedule.open;
    if late > 20 {
        bail!("the stage took {late} s longer than planned on this machine: run it again when it is less busy");
    }
    let records = Records::default();
    let load = Load::start(visitors, schedule, &records)?;
    let visits = stage.whole.visits(schedule, options.seed)?;
    let mut watch = Watch::new(stage.node.client().await?, &stage.prometheus);
    let mut view = View::open(*schedule, options.plain)?;
    let mut frames: Vec<Frame> = Vec::new();
    let mut story = Story::default();
    let mut cues = Cues { schedule: *schedule, seed: options.seed, announced: false, opened: false };
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while now().as_second() < schedule.close {
        every.tick().await;
        if view.wants_to_end()? {
            bail!("ended by a key");
        }
        let frame = watch.look(now()).await?;
        cues.play(stage, &frame, &mut story).await?;
        follow(&mut story, &frames, &frame);
        frames.push(frame);
        view.show(&frames, &records.seconds(), &story)?;
    }
    drop(view);
    load.end().await?;
    view::line("the whole shop: waiting for the last orders, looking into the books");
    story.whole = stage.whole.judged(visits, schedule, story.whole.ready).await?;
    Ok((frames, records, story))
}

/// What is to be done when, and what has been done already.
#[derive(Debug)]
struct Cues {
    schedule: Schedule,
    seed: u64,
    announced: bool,
    opened: bool,
}

impl Cues {
    /// Does what is due.
    async fn play(&mut self, stage: &Stage, frame: &Frame, story: &mut Story) -> anyhow::Result<()> {
        let schedule = &self.schedule;
        if !self.announced && frame.at >= schedule.announced {
            self.announced = true;
            announce(schedule, self.seed).await?;
        }
        if !self.opened && frame.at > schedule.promotion {
            self.opened = true;
            story.whole.ready = stage.whole.ready(schedule).await?;
        }
        if story.sick.is_none() && frame.at >= schedule.fault {
            story.sick = make_sick(&stage.node, frame).await?;
        }
        Ok(())
    }
}

/// `presale promo create`, as a merchant would: for the catalog beside its twin, and for five services of the whole shop.
async fn announce(schedule: &Schedule, seed: u64) -> anyhow::Result<()> {
    let start = Timestamp::from_second(schedule.promotion)?.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let lasts = format!("{}s", schedule.promotion_over - schedule.promotion);
    let catalog = ["promo", "create", "flash", "--service", SERVICE, "--uplift", UPLIFT, "--start", &start];
    let catalog = catalog.into_iter().chain(["--duration", &lasts, "--ready-before", "30s"]).map(str::to_owned);
    let shop = whole::day(schedule, seed).announcement(&start);
    for (namespace, args) in [(NAMESPACE, catalog.collect()), (whole::NAMESPACE, shop)] {
        let mut command = Command::new(setup::presale());
        command.args(args).args(["--namespace", namespace]).env("KUBECONFIG", KUBECONFIG);
        setup::run(&mut command).await?;
    }
    Ok(())
}

/// Cuts one pod's CPU to a fifth.
async fn make_sick(node: &Node, frame: &Frame) -> anyhow::Result<Option<(String, i64)>> {
    let Some(pod) = frame.well.first() else { return Ok(None) };
    let uid = node.kubectl(&["get", "pod", pod, "-o", "jsonpath={.metadata.uid}", "-n", NAMESPACE]).await?;
    node.cut_cpu(uid.trim(), 200)?;
    Ok(Some((pod.clone(), frame.at)))
}

/// Takes down when the sick pod went and when it was made up for.
fn follow(story: &mut Story, before: &[Frame], frame: &Frame) {
    let Some((pod, fault)) = story.sick.clone() else { return };
    let gone = !frame.well.is_empty() && !frame.well.contains(&pod);
    if story.evicted.is_none() && gone {
        story.evicted = Some(frame.at);
    }
    let had = before.iter().rev().find(|earlier| earlier.at <= fault).map_or(0, |earlier| earlier.well.len());
    let wanted = frame.decision.as_ref().map_or(usize::MAX, |decision| decision.desired as usize);
    if story.evicted.is_some() && story.healed.is_none() && gone && frame.well.len() >= had.min(wanted) {
        story.healed = Some(frame.at);
    }
}

/// The same visitors at both ways in, in the background.
struct Load {
    stop: CancellationToken,
    running: JoinHandle<Result<LoadVerdict, RunError>>,
}

impl Load {
    fn start(visitors: Visitors, schedule: &Schedule, records: &Records) -> anyhow::Result<Self> {
        let targets = SIDES.iter().zip(NODE_PORTS);
        let start = now();
        let left = schedule.close - start.as_second();
        let plan = Plan {
            visitors,
            assortment: Assortment::new(scenario::PRODUCTS, 1.0).context("products")?,
            targets: targets
                .map(|(name, port)| Target { name: (*name).to_owned(), address: (Ipv4Addr::LOCALHOST, port).into() })
                .collect(),
            duration: Duration::from_secs(u64::try_from(left).context("the acts are over")?),
            timeout: Duration::from_secs(5),
            slo: scenario::SLO,
        };
        let stop = CancellationToken::new();
        let around = Surroundings {
            now: start,
            stop: stop.clone(),
            records: records.sink(),
            progress: Progress::Silent,
            exposition: None,
        };
        Ok(Self { stop, running: tokio::spawn(run(plan, around)) })
    }

    /// Waits for the last answers.
    async fn end(mut self) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(Duration::from_secs(15), &mut self.running).await;
        ended.context("the load did not end")?.context("the load died")?.map(drop).map_err(Into::into)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The wall clock: this is the composition root of a play that runs on the clock of this day.
#[expect(clippy::disallowed_methods, reason = "the acts are played at times of this day")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
