//! CPU and memory of a container, and the smaller size that it has in reserve.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use presale_crds::Quantity;
use serde::{Deserialize, Serialize};

use crate::convert::ReserveSpec;

const CPU: &str = "cpu";
const MEMORY: &str = "memory";

/// Requests and limits of CPU and memory, in the words of Kubernetes; other resources cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContainerSize {
    /// What the scheduler sets aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

impl ContainerSize {
    /// Of a container's resources.
    pub fn of(resources: Option<&ResourceRequirements>) -> Self {
        let pick = |amounts: Option<&BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>| {
            let amounts = amounts.into_iter().flatten();
            let picked = amounts.filter(|(name, _)| [CPU, MEMORY].contains(&name.as_str()));
            picked.map(|(name, amount)| (name.clone(), amount.0.clone())).collect()
        };
        Self {
            requests: pick(resources.and_then(|r| r.requests.as_ref())),
            limits: pick(resources.and_then(|r| r.limits.as_ref())),
        }
    }

    /// Whether both mean the same amounts, however written.
    pub fn is(&self, other: &Self) -> bool {
        let same = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
            a.len() == b.len() && a.iter().all(|(name, amount)| b.get(name).is_some_and(|b| equal(amount, b)))
        };
        same(&self.requests, &other.requests) && same(&self.limits, &other.limits)
    }

    /// Whether any amount is below the other's.
    pub fn is_below(&self, other: &Self) -> bool {
        let below = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
            b.iter().any(|(name, b)| a.get(name).is_some_and(|a| value(a) < value(b) && !equal(a, b)))
        };
        below(&self.requests, &other.requests) || below(&self.limits, &other.limits)
    }

    /// What is left of it in reserve; the same where nothing can be given back.
    ///
    /// CPU shrinks in request and limit, memory in its request alone, and nothing that is not stated is added: an amount
    /// that was added in place could not be taken away again. The pod's class of service must not change: one that is
    /// `guaranteed` keeps its memory, any other keeps its request below its limit where it was. `restarts` names resources
    /// whose change would restart the container: they stay.
    ///
    /// **Source**: KEP-1287, in-place update of pod resources.
    #[must_use]
    pub fn shrunk(&self, spec: &ReserveSpec, guaranteed: bool, restarts: &[String]) -> Self {
        let mut small = self.clone();
        let may_change = |name: &str| !restarts.iter().any(|restarting| restarting == name);
        if let Some(cpu) = spec.cpu.filter(|_| may_change(CPU)) {
            small.shrink_cpu(cpu);
        }
        if let Some(memory) = spec.memory.as_ref().filter(|_| may_change(MEMORY) && !guaranteed)
            && let Some(request) = small.requests.get_mut(MEMORY)
            && value(&memory.0) < value(request)
        {
            request.clone_from(&memory.0);
        }
        small
    }

    /// `cpu` in thousandths.
    fn shrink_cpu(&mut self, cpu: u32) {
        let at_most = |amount: &String| milli(amount).min(cpu);
        let (request, limit) = (self.requests.get(CPU).map(at_most), self.limits.get(CPU).map(at_most));
        let (request, limit) = match (request, limit) {
            (Some(request), Some(limit)) if !equal(&self.requests[CPU], &self.limits[CPU]) => {
                let limit = limit.max(2);
                (Some(request.min(limit - 1)), Some(limit))
            }
            both => both,
        };
        for (amounts, amount) in [(&mut self.requests, request), (&mut self.limits, limit)] {
            if let Some(amount) = amount {
                amounts.insert(CPU.to_owned(), format!("{amount}m"));
            }
        }
    }
}

/// Thousandths of a processor, upwards.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
pub(crate) fn milli(amount: &str) -> u32 {
    (value(amount) * 1_000.0).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// What the API server accepted is a quantity; anything else counts as nothing.
fn value(amount: &str) -> f64 {
    Quantity(amount.to_owned()).parse().unwrap_or(0.0)
}

fn equal(a: &str, b: &str) -> bool {
    (value(a) - value(b)).abs() <= 1e-9 * value(a).abs().max(value(b).abs())
}

#[cfg(test)]
mod tests {
    use presale_planner::{Guarantee, ReservePolicy, ReserveSize};
    use serde_json::json;

    use super::*;

    fn size(value: serde_json::Value) -> ContainerSize {
        serde_json::from_value(value).expect("a size")
    }

    fn spec(cpu: Option<u32>, memory: Option<&str>) -> ReserveSpec {
        let policy = ReservePolicy { size: ReserveSize::Auto, max: 5, guarantee: Guarantee::BestEffort };
        ReserveSpec { policy, cpu, memory: memory.map(|text| Quantity(text.to_owned())) }
    }

    #[test]
    fn cpu_shrinks_in_request_and_limit_and_memory_in_its_request() {
        let full =
            size(json!({"requests": {"cpu": "0.5", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}));
        let small = full.shrunk(&spec(Some(10), Some("16Mi")), false, &[]);
        let wanted = json!({"requests": {"cpu": "9m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "128Mi"}});
        assert_eq!(small, size(wanted), "the request stays below the limit, as it was");
        assert!(small.is_below(&full) && !full.is_below(&small) && !full.is_below(&full));
    }

    #[test]
    fn a_guaranteed_pod_stays_guaranteed() {
        let full = size(json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}));
        let small = full.shrunk(&spec(Some(10), Some("16Mi")), true, &[]);
        let wanted = json!({"requests": {"cpu": "10m", "memory": "1Gi"}, "limits": {"cpu": "10m", "memory": "1Gi"}});
        assert_eq!(small, size(wanted));
    }

    #[test]
    fn nothing_is_added_and_nothing_grows() {
        let bare = ContainerSize::default();
        assert_eq!(bare.shrunk(&spec(Some(10), Some("16Mi")), false, &[]), bare);
        let tiny = size(json!({"requests": {"cpu": "5m"}}));
        assert_eq!(tiny.shrunk(&spec(Some(10), None), false, &[]), tiny);
        let plain = size(json!({"requests": {"cpu": "250m", "memory": "64Mi"}}));
        let small = plain.shrunk(&spec(Some(10), None), false, &[]);
        assert_eq!(small, size(json!({"requests": {"cpu": "10m", "memory": "64Mi"}})));
        assert_eq!(plain.shrunk(&spec(Some(10), None), false, &["cpu".to_owned()]), plain, "a restart is no way back");
        assert_eq!(plain.shrunk(&spec(None, None), false, &[]), plain, "the request is kept");
    }

    #[test]
    fn amounts_are_compared_by_what_they_mean() {
        let (a, b) = (size(json!({"requests": {"cpu": "0.5"}})), size(json!({"requests": {"cpu": "500m"}})));
        assert!(a.is(&b) && !a.is_below(&b));
        assert!(!a.is(&size(json!({"requests": {"cpu": "500m", "memory": "1Mi"}}))));
    }
}
