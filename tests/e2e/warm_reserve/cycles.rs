//! Three pods are cut off and three others return, over and over: from the operator's first write to full quota behind the
//! Service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::Instant;

use crate::release::now;
use crate::stage::{FULL, Stage, WARM};

/// Cycles where `WARM_CYCLES` says nothing.
const CYCLES: u32 = 5;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Longest time until a pod is back, on a machine that is busy with other things.
const LONGEST: Duration = Duration::from_secs(20);
/// What must be kept. **Source**: the figure that the reserve is built for, with room for a loaded machine.
const MUST: f64 = 1.0;

/// One pod's way back.
#[derive(Debug)]
struct Return {
    pod: String,
    asked: Timestamp,
    serves: Timestamp,
}

/// Cycles, and the quantiles of the ways back.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a suite is its own composition root")]
    let cycles = std::env::var("WARM_CYCLES").ok().map_or(Ok(CYCLES), |text| text.parse())?;
    let mut returns = Vec::new();
    for _ in 0..cycles {
        returns.extend(cycle(stage).await?);
    }
    let grown = stage.asked()?.to("pods/resize").succeeded();
    let mut decided = Vec::new();
    for back in &returns {
        let first = grown.iter().filter(|entry| entry.name == back.pod && entry.at >= back.asked).map(|e| e.at).min();
        let first = first.with_context(|| format!("{} was never grown", back.pod))?;
        decided.push(back.serves.duration_since(first).as_secs_f64());
    }
    let mut asked: Vec<f64> = returns.iter().map(|back| back.serves.duration_since(back.asked).as_secs_f64()).collect();
    println!("{} returns: from the decision's first write {}", returns.len(), told(&mut decided));
    println!("         from the label that a hand took away {}", told(&mut asked));
    let p99 = quantile(&decided, 0.99);
    ensure!(p99 <= MUST, "p99 of the way back is {p99:.3} s; {MUST} s would pass");
    Ok(())
}

/// Cuts three pods off by hand, and watches three others come.
async fn cycle(stage: &Stage) -> anyhow::Result<Vec<Return>> {
    let (on, off) = stage.held().await?;
    let uids: BTreeMap<String, String> =
        stage.pods().await?.iter().map(|pod| (pod.name_any(), pod.uid().unwrap_or_default())).collect();
    let asked = now();
    for pod in on.iter().take(WARM) {
        stage.label(pod, false).await?;
    }
    let (deadline, mut back) = (Instant::now() + LONGEST, Vec::<Return>::new());
    while back.len() < WARM {
        ensure!(Instant::now() < deadline, "of {off:?} only {back:?} came back");
        let led_to: BTreeSet<String> = stage.led_to().await?;
        let come = off.iter().filter(|pod| led_to.contains(*pod) && back.iter().all(|known| known.pod != **pod));
        let mut new = Vec::new();
        for pod in come {
            let limit = stage.node.cpu_limit(&uids[pod])?.unwrap_or(0.0);
            if limit >= FULL {
                new.push(Return { pod: pod.clone(), asked, serves: now() });
            }
        }
        back.extend(new);
        tokio::time::sleep(LOOK).await;
    }
    Ok(back)
}

fn told(seconds: &mut [f64]) -> String {
    seconds.sort_by(f64::total_cmp);
    let of = |level| quantile(seconds, level);
    format!("p50 {:.3} s, p90 {:.3} s, p99 {:.3} s, longest {:.3} s", of(0.5), of(0.9), of(0.99), of(1.0))
}

/// Of sorted values, the nearest rank.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the list")]
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let rank = (level * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or(f64::NAN)
}
