//! Conditions as commands read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use presale_crds::ConditionType;

/// A condition by its type.
pub(crate) fn condition(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.as_str())
}
