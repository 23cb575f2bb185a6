//! `spec.scaling.behavior`, with the meanings of `autoscaling/v2`.

use jiff::SignedDuration;
use presale_crds::{Behavior as Written, BehaviorRules, ScalingPolicy, ScalingPolicyType, SelectPolicy};
use presale_planner::{Behavior, Select, StepLimit};

/// Rules for going up and for going down.
pub(super) fn both(written: Option<&Written>) -> (Behavior, Behavior) {
    let up = written.and_then(|behavior| behavior.scale_up.as_ref());
    let down = written.and_then(|behavior| behavior.scale_down.as_ref());
    (one(up), one(down))
}

fn one(rules: Option<&BehaviorRules>) -> Behavior {
    let rules = rules.cloned().unwrap_or_default();
    Behavior {
        stabilization: rules.stabilization_window_seconds.map(seconds),
        limits: rules.policies.iter().map(limit).collect(),
        select: match rules.select_policy.unwrap_or_default() {
            SelectPolicy::Max => Select::Max,
            SelectPolicy::Min => Select::Min,
            SelectPolicy::Disabled => Select::Disabled,
        },
    }
}

fn limit(policy: &ScalingPolicy) -> StepLimit {
    let (value, period) = (policy.value, seconds(policy.period_seconds));
    match policy.type_ {
        ScalingPolicyType::Pods => StepLimit::Pods { value, period },
        ScalingPolicyType::Percent => StepLimit::Percent { value, period },
    }
}

fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn means_what_the_autoscaler_means() {
        let written: Written = serde_json::from_value(json!({
            "scaleUp": {"selectPolicy": "Min", "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 60}]},
            "scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"}}))
        .expect("behavior");
        let (up, down) = both(Some(&written));
        let limits = vec![
            StepLimit::Pods { value: 4, period: seconds(15) },
            StepLimit::Percent { value: 100, period: seconds(60) },
        ];
        assert_eq!(up, Behavior { stabilization: None, limits, select: Select::Min });
        let disabled = Behavior { stabilization: Some(seconds(0)), limits: vec![], select: Select::Disabled };
        assert_eq!(down, disabled);
    }
}
