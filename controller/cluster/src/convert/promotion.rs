//! What a person wrote in a PromotionEvent, parsed once into plain values.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use presale_crds::{PromotionEventSpec, Target};

use super::{duration, number, zone};
use crate::Error;

/// One promotion as the operator plans it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionSpec {
    /// Pooling key of what is learned.
    pub kind: String,
    /// Zone of the wall time.
    pub time_zone: TimeZone,
    /// Local wall time of the (first) start.
    pub start: DateTime,
    /// Which of two equal wall times is meant, where clocks go back; `None` = the first.
    pub offset: Option<Offset>,
    /// How long it lasts.
    pub duration: SignedDuration,
    /// RFC 5545 rule, expanded in local time.
    pub recurrence: Option<String>,
    /// Whom it reaches.
    pub targets: Vec<PromotionTarget>,
    /// Lead time that the plan reckons with; `None` = each service's own.
    pub lead_time: Option<SignedDuration>,
    /// How long before the start all capacity must be ready.
    pub ready_before: SignedDuration,
    /// Agreed to, or needs no agreement.
    pub approved: bool,
    /// A human ended it.
    pub cancelled: bool,
    /// Most replica-hours above the replicas without it, per occurrence.
    pub budget_replica_hours: Option<u32>,
}

/// Services that it reaches, and what it asks of them.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionTarget {
    /// Which.
    pub services: Services,
    /// Expected demand ratio: low, likely, high; `None` = what was learned of its kind.
    pub uplift: Option<[f64; 3]>,
    /// Fewest replicas while it runs.
    pub floor: Option<u32>,
    /// Most replicas while it runs.
    pub ceiling: Option<u32>,
}

/// Services by name or by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// The one of that name.
    Named(String),
    /// All that carry these labels.
    Labelled(BTreeMap<String, String>),
}

impl Services {
    /// Whether the service of that name with those labels is meant.
    pub fn include(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Named(named) => named == name,
            Self::Labelled(wanted) => wanted.iter().all(|(key, value)| labels.get(key) == Some(value)),
        }
    }
}

/// Parses `spec`.
///
/// # Errors
/// [`Error::Field`] names the field and the cure; the schema refuses such objects, so this happens only with objects
/// that were stored under an older schema, or zones that this build does not know.
pub fn promotion(spec: &PromotionEventSpec) -> Result<PromotionSpec, Error> {
    let pre_scale = spec.pre_scale.clone().unwrap_or_default();
    let approval = spec.approval.clone().unwrap_or_default();
    let (start, offset) = wall_time(&spec.schedule.start)?;
    let ready_before = pre_scale.ready_before.as_ref();
    Ok(PromotionSpec {
        kind: spec.kind.clone(),
        time_zone: zone("spec.schedule.timeZone", &spec.schedule.time_zone)?,
        start,
        offset,
        duration: duration("spec.schedule.duration", &spec.schedule.duration)?,
        recurrence: spec.schedule.recurrence.clone(),
        targets: spec.targets.iter().enumerate().map(|(at, target)| one(at, target)).collect::<Result<_, _>>()?,
        lead_time: pre_scale.lead_time.as_ref().map(|text| duration("spec.preScale.leadTime", text)).transpose()?,
        ready_before: ready_before
            .map_or(Ok(SignedDuration::from_mins(10)), |text| duration("spec.preScale.readyBefore", text))?,
        approved: !approval.required.unwrap_or(false) || approval.approved_by.is_some(),
        cancelled: spec.cancelled.unwrap_or(false),
        budget_replica_hours: spec.budget.as_ref().map(|budget| budget.replica_hours),
    })
}

/// `2026-11-27T20:00:00`, with an offset behind it where clocks go back.
fn wall_time(text: &str) -> Result<(DateTime, Option<Offset>), Error> {
    let cure = "write a local time, such as 2026-11-27T20:00:00";
    let bad = |problem: String| Error::field("spec.schedule.start", text, problem, cure);
    let (wall, offset) = text.split_at_checked(19).ok_or_else(|| bad("is too short".to_owned()))?;
    let start = wall.parse::<DateTime>().map_err(|error| bad(error.to_string()))?;
    if offset.is_empty() {
        return Ok((start, None));
    }
    let parts = offset[1..].split_once(':').and_then(|(h, m)| Some((h.parse::<i32>().ok()?, m.parse::<i32>().ok()?)));
    let (hours, minutes) = parts.ok_or_else(|| bad("has no offset of the form +01:00".to_owned()))?;
    let seconds = (hours * 60 + minutes) * 60 * if offset.starts_with('-') { -1 } else { 1 };
    let offset = Offset::from_seconds(seconds).map_err(|error| bad(error.to_string()))?;
    Ok((start, Some(offset)))
}

fn one(at: usize, target: &Target) -> Result<PromotionTarget, Error> {
    let field = |name: &str| format!("spec.targets[{at}].{name}");
    let services = match (&target.service, &target.selector) {
        (Some(name), _) => Services::Named(name.clone()),
        (None, Some(selector)) => Services::Labelled(selector.match_labels.clone()),
        (None, None) => return Err(Error::field(field("service"), "", "is missing", "write service or selector")),
    };
    let uplift = target.expected_uplift.as_ref().map(|range| {
        let parse = |name: &str, quantity| number(&field(&format!("expectedUplift.{name}")), quantity);
        Ok([parse("low", &range.low)?, parse("likely", &range.likely)?, parse("high", &range.high)?])
    });
    Ok(PromotionTarget { services, uplift: uplift.transpose()?, floor: target.floor, ceiling: target.ceiling })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(over: serde_json::Value) -> PromotionEventSpec {
        let mut spec = json!({"kind": "FlashSale", "targets": [
                {"service": "storefront", "expectedUplift": {"low": "2", "likely": "4", "high": "8"}},
                {"selector": {"matchLabels": {"tier": "checkout"}}, "floor": 12, "ceiling": 60}],
            "schedule": {"timeZone": "Europe/Berlin", "start": "2026-11-27T20:00:00", "duration": "4h"}});
        crate::merge::merge(&mut spec, over);
        serde_json::from_value(spec).expect("a PromotionEventSpec")
    }

    #[test]
    fn reads_a_promotion_as_it_is_written() {
        let parsed = promotion(&spec(json!({}))).expect("parses");
        assert_eq!((parsed.start.to_string().as_str(), parsed.offset), ("2026-11-27T20:00:00", None));
        assert_eq!((parsed.duration.as_hours(), parsed.ready_before.as_mins()), (4, 10));
        assert!(parsed.approved && !parsed.cancelled);
        assert_eq!(parsed.targets[0].uplift, Some([2.0, 4.0, 8.0]));
        assert_eq!((parsed.targets[1].floor, parsed.targets[1].ceiling), (Some(12), Some(60)));
        let labels = BTreeMap::from([("tier".to_owned(), "checkout".to_owned()), ("x".to_owned(), "y".to_owned())]);
        assert!(parsed.targets[1].services.include("pay", &labels));
        assert!(!parsed.targets[1].services.include("pay", &BTreeMap::new()));
        assert!(parsed.targets[0].services.include("storefront", &BTreeMap::new()));
    }

    #[test]
    fn an_offset_names_one_of_two_equal_wall_times() {
        let fold = json!({"schedule": {"start": "2026-10-25T02:30:00+01:00"}});
        assert_eq!(promotion(&spec(fold)).expect("parses").offset, Some(jiff::tz::offset(1)));
        let west = json!({"schedule": {"start": "2026-11-01T01:30:00-05:00"}});
        assert_eq!(promotion(&spec(west)).expect("parses").offset, Some(jiff::tz::offset(-5)));
    }

    #[test]
    fn waits_for_approval_only_where_it_is_required() {
        let required = json!({"approval": {"required": true}});
        assert!(!promotion(&spec(required)).expect("parses").approved);
        let given = json!({"approval": {"required": true, "approvedBy": "jane"}});
        assert!(promotion(&spec(given)).expect("parses").approved);
    }
}
