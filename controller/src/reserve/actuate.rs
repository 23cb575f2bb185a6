//! Carries the steps out: pods at the same time, the steps of one pod in order, replicas beside them.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use presale_cluster::convert::ServiceSpec;
use presale_cluster::reserve::{cut_off, put_in_service, resize};
use presale_cluster::{Error, Notice, Observed, PodFacts, Target, scale};
use presale_crds::ShopService;
use presale_metrics::StepLabels;
use presale_planner::{Decision, PlanInput};
use presale_prometheus::ServiceKey;

use super::steps::{Step, steps};
use super::{pods, wanted};
use crate::measure;
use crate::operator::{Operator, key_of};

/// Pods that are written at the same time.
const AT_ONCE: usize = 8;

/// Takes the steps that `decision` leads to; says whether anything is left to do.
///
/// A pod that cannot be written is tried again in the next round; one that the server refuses to let grow is told apart
/// from it, for a new one to be started.
///
/// # Errors
/// Where replicas cannot be written, or this process does not lead.
pub(crate) async fn carry_out(
    operator: &Operator,
    shop: &ShopService,
    (target, spec): (&Target, &ServiceSpec),
    observed: &Observed,
    (input, decision): (&PlanInput, &Decision),
) -> Result<bool, Error> {
    let key = key_of(shop);
    let can_resize = operator.resizing.is_known();
    let wanted = wanted(input, decision, spec, observed.rolling_out, can_resize);
    let next = operator.services.with(&key, |service| {
        service.reserve.forgive(input.now);
        steps(observed.total, &pods(observed, spec.reserve.as_ref(), &service.reserve, input.now), &wanted)
    });
    let hand = Hand { operator, key: &key, spec, namespace: &target.namespace, now: input.now };
    let mut jobs: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::new();
    for pod in &observed.pods {
        let of_pod: Vec<&Step> = next.iter().filter(|step| step.pod() == Some(pod.name.as_str())).collect();
        if !of_pod.is_empty() {
            jobs.push(hand.take(pod, of_pod).boxed());
        }
    }
    let total = next.iter().find_map(|step| if let Step::Scale(total) = step { Some(*total) } else { None });
    let all = stream::iter(jobs).buffer_unordered(AT_ONCE);
    let replicas = async {
        let Some(total) = total else { return Ok(()) };
        hand.counted(scale(&operator.writer, target, total), "scale").await.map(drop)
    };
    let (ends, scaled) = tokio::join!(all.collect::<Vec<_>>(), replicas);
    scaled?;
    ends.into_iter().collect::<Result<Vec<()>, Error>>()?;
    tell(operator, shop, &next).await?;
    Ok(!next.is_empty())
}

/// Whoever writes the pods of one service.
struct Hand<'a> {
    operator: &'a Operator,
    key: &'a ServiceKey,
    spec: &'a ServiceSpec,
    namespace: &'a str,
    now: jiff::Timestamp,
}

impl Hand<'_> {
    /// The steps of one pod, until one fails.
    #[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
    async fn take(&self, pod: &PodFacts, steps: Vec<&Step>) -> Result<(), Error> {
        for step in steps {
            match self.step(pod, step).await {
                Ok(()) => tracing::info!(service = %self.key, pod = pod.name, ?step, "took a step of the warm reserve"),
                Err(error @ Error::NotLeader { .. }) => return Err(error),
                Err(error) => {
                    let refused = error.status().is_some_and(|status| matches!(status.code, 403 | 422));
                    if refused && matches!(step, Step::Grow(_)) {
                        self.operator.services.with(self.key, |service| service.reserve.refuse(&pod.uid, self.now));
                    }
                    tracing::warn!(service = %self.key, pod = pod.name, ?step, %error, "a step of the warm reserve failed");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn step(&self, pod: &PodFacts, step: &Step) -> Result<(), Error> {
        let writer = &self.operator.writer;
        match step {
            Step::Grow(_) => self.counted(resize(writer, self.namespace, pod, &pod.reserve.full()), "grow").await,
            Step::PutInService(_) => self.counted(put_in_service(writer, self.namespace, pod), "put_in_service").await,
            Step::CutOff(_) => self.counted(cut_off(writer, self.namespace, pod), "cut_off").await,
            Step::Shrink(_) => match self.spec.reserve.as_ref().and_then(|spec| pod.reserve.small(spec)) {
                Some(small) => self.counted(resize(writer, self.namespace, pod, &small), "shrink").await,
                None => Ok(()),
            },
            Step::Scale(_) => Ok(()),
        }
    }

    async fn counted<T>(&self, job: impl Future<Output = Result<T, Error>>, step: &'static str) -> Result<T, Error> {
        let done = measure::timed(self.operator, "reserve", job).await;
        let result = if done.is_ok() { "done" } else { "failed" };
        let labels =
            StepLabels { namespace: self.key.namespace.clone(), service: self.key.service.clone(), step, result };
        self.operator.metrics.reserve_steps.get_or_create(&labels).inc();
        done
    }
}

/// Says what happened to pods, once.
async fn tell(operator: &Operator, shop: &ShopService, steps: &[Step]) -> Result<(), Error> {
    let names = |of: fn(&Step) -> bool| {
        let named = steps.iter().filter(|step| of(step)).filter_map(Step::pod);
        named.collect::<Vec<_>>().join(", ")
    };
    for (reason, pods) in [
        ("PutInService", names(|step| matches!(step, Step::PutInService(_)))),
        ("CutOff", names(|step| matches!(step, Step::CutOff(_)))),
    ] {
        if !pods.is_empty() {
            operator.events.tell(shop, &Notice::reserve(reason, &pods)).await?;
        }
    }
    Ok(())
}
