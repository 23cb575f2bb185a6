//! The warm reserve: replicas that are cut off from traffic and shrunk in place, back within a second.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Quantity;
use crate::validation::quantity_above;

/// Replicas held warm beside those that serve. They stay Ready, get no requests, run on `resources`, and go first when
/// replicas are removed.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.size) || !has(self.max) || type(self.size) == string || int(self.size) <= self.max")
        .message("reserve.size must not exceed reserve.max: lower size, or raise or remove max"),
    validation = Rule::new("!has(self.guarantee) || self.guarantee != 'Reserved' || !has(self.resources) || !has(self.resources.cpu)")
        .message("reserve.guarantee Reserved keeps the CPU request, so reserve.resources.cpu has no effect: remove it, or write guarantee BestEffort"),
)]
pub struct Reserve {
    /// None: no reserve. Auto: as many as the upper path of the forecast may need within the lead time, at most max. A
    /// number from 1 to 10000: always that many. Default None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("type(self) == string ? self in ['None', 'Auto'] : int(self) >= 1 && int(self) <= 10000")
        .message("reserve.size must be None, Auto or a whole number from 1 to 10000, such as 2"))]
    pub size: Option<ReserveSize>,
    /// Most replicas in reserve where size is Auto. Range 1 to 10000. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub max: Option<u32>,
    /// What a pod in reserve may use, instead of its usual resources. Default: 10m of CPU, memory as in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ReserveResources>,
    /// `BestEffort`: CPU is given back to the node meanwhile; a pod whose node is full cannot come back at once, and a new
    /// one is started in its place. Reserved: the CPU request is kept, and the way back is certain. Default `BestEffort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
}

/// What a pod in reserve may use.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ReserveResources {
    /// CPU of the container, request and limit. Range above 0 to 1k. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = quantity_above("reserve.resources.cpu", "0", "1k", "10m"))]
    pub cpu: Option<Quantity>,
    /// Memory request of the container; its limit stays, so that nothing is killed for shrinking. Range above 0 to 1Pi.
    /// Default: as in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = quantity_above("reserve.resources.memory", "0", "1Pi", "32Mi"))]
    pub memory: Option<Quantity>,
}

/// How many replicas are held in reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReserveSize {
    /// None.
    #[default]
    None,
    /// As many as the forecast's upper path may need within the lead time.
    Auto,
    /// That many.
    Exactly(u32),
}

/// What is certain of the way back.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Guarantee {
    /// CPU is given back to the node meanwhile.
    #[default]
    BestEffort,
    /// The CPU request is kept.
    Reserved,
}

impl Serialize for ReserveSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("None"),
            Self::Auto => serializer.serialize_str("Auto"),
            Self::Exactly(count) => serializer.serialize_u32(*count),
        }
    }
}

impl<'de> Deserialize<'de> for ReserveSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Count(u32),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Count(count) => Ok(Self::Exactly(count)),
            Written::Word(word) if word == "Auto" => Ok(Self::Auto),
            Written::Word(word) if word == "None" => Ok(Self::None),
            Written::Word(word) => Err(serde::de::Error::custom(format!(
                "scaling.reserve.size {word:?} is not known: write None, Auto or a whole number"
            ))),
        }
    }
}

impl JsonSchema for ReserveSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReserveSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true, "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_word_or_a_number_and_comes_back_as_it_was_written() {
        for (text, size) in
            [("\"None\"", ReserveSize::None), ("\"Auto\"", ReserveSize::Auto), ("3", ReserveSize::Exactly(3))]
        {
            assert_eq!(serde_json::from_str::<ReserveSize>(text).unwrap(), size);
            assert_eq!(serde_json::to_string(&size).unwrap(), text);
        }
        for text in ["\"auto\"", "-1", "1.5", "null"] {
            assert!(serde_json::from_str::<ReserveSize>(text).is_err(), "{text}");
        }
    }
}
