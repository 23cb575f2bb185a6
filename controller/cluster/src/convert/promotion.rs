//! What a person wrote in a `PromotionEvent`, parsed once into the planner's terms, selectors resolved.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use presale_crds::{PromotionEvent, ShopService, Target, UpliftRange};
use presale_models::Expectation;
use presale_planner::PromotionSpec;
use presale_planner::promotion::{ScheduleSpec, TargetSpec};

use super::{duration, number};
use crate::Error;

/// Parses `event`; `shops` are the services that its targets are looked for among (those of other namespaces are left
/// out). A service that several targets mean keeps the first one's wishes, by name before by label.
///
/// # Errors
/// [`Error::Field`] names the field and the cure; the schema refuses such objects, so this happens only with objects
/// that were stored under an older schema. The schedule is checked by `plan_promotion`.
pub fn promotion<'a>(
    event: &PromotionEvent,
    shops: impl IntoIterator<Item = &'a ShopService>,
) -> Result<PromotionSpec, Error> {
    let spec = &event.spec;
    let pre_scale = spec.pre_scale.clone().unwrap_or_default();
    let approval = spec.approval.clone().unwrap_or_default();
    let here: Vec<_> = shops.into_iter().filter(|shop| shop.namespace() == event.namespace()).collect();
    let schedule = ScheduleSpec {
        time_zone: spec.schedule.time_zone.clone(),
        start: spec.schedule.start.clone(),
        duration: duration("spec.schedule.duration", &spec.schedule.duration)?,
        recurrence: spec.schedule.recurrence.clone(),
    };
    let ready_before = pre_scale.ready_before.as_ref();
    Ok(PromotionSpec {
        name: event.name_any(),
        kind: spec.kind.clone(),
        schedule,
        targets: targets(&spec.targets, &here)?,
        lead_time: pre_scale.lead_time.as_ref().map(|text| duration("spec.preScale.leadTime", text)).transpose()?,
        ready_before: ready_before
            .map_or(Ok(SignedDuration::from_mins(10)), |text| duration("spec.preScale.readyBefore", text))?,
        awaits_approval: approval.required.unwrap_or(false) && approval.approved_by.is_none(),
        cancelled: spec.cancelled.unwrap_or(false),
        budget: spec.budget.as_ref().map(|budget| f64::from(budget.replica_hours)),
        created: event.creation_timestamp().map_or(Timestamp::MIN, |time| time.0),
    })
}

/// One entry per service that is meant, by name.
fn targets(written: &[Target], shops: &[&ShopService]) -> Result<Vec<TargetSpec>, Error> {
    let mut found = BTreeMap::new();
    let by_name_first = |(_, target): &(usize, &Target)| target.service.is_none();
    let mut ordered: Vec<_> = written.iter().enumerate().collect();
    ordered.sort_by_key(by_name_first);
    for (at, target) in ordered {
        let expectation = target.expected_uplift.as_ref().map(|range| expectation(at, range)).transpose()?;
        for shop in shops.iter().filter(|shop| means(target, shop)) {
            let service = shop.name_any();
            let wish =
                TargetSpec { service: service.clone(), expectation, floor: target.floor, ceiling: target.ceiling };
            found.entry(service).or_insert(wish);
        }
    }
    Ok(found.into_values().collect())
}

fn means(target: &Target, shop: &ShopService) -> bool {
    match (&target.service, &target.selector) {
        (Some(name), _) => *name == shop.name_any(),
        (None, Some(selector)) => {
            selector.match_labels.iter().all(|(key, value)| shop.labels().get(key) == Some(value))
        }
        (None, None) => false,
    }
}

fn expectation(at: usize, range: &UpliftRange) -> Result<Expectation, Error> {
    let field = format!("spec.targets[{at}].expectedUplift");
    let low = number(&format!("{field}.low"), &range.low)?;
    let likely = number(&format!("{field}.likely"), &range.likely)?;
    let high = number(&format!("{field}.high"), &range.high)?;
    let refused = |error: presale_models::uplift::ExpectationError| {
        Error::field(
            field.clone(),
            format!("{low}..{likely}..{high}"),
            error.to_string(),
            "write low <= likely <= high",
        )
    };
    Expectation::new(low, likely, high).map_err(refused)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(over: Value) -> PromotionEvent {
        let mut event = json!({"apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent",
            "metadata": {"name": "bf", "namespace": "shop", "creationTimestamp": "2026-11-01T00:00:00Z"},
            "spec": {"kind": "FlashSale", "targets": [
                {"selector": {"matchLabels": {"tier": "checkout"}}, "floor": 12, "ceiling": 60},
                {"service": "storefront", "expectedUplift": {"low": "2", "likely": "4", "high": "8"}}],
            "schedule": {"timeZone": "Europe/Berlin", "start": "2026-11-27T20:00:00", "duration": "4h"}}});
        crate::merge::merge(&mut event, over);
        serde_json::from_value(event).expect("a PromotionEvent")
    }

    fn shop(namespace: &str, name: &str, tier: &str) -> ShopService {
        serde_json::from_value(json!({"apiVersion": "presale.dev/v1alpha1", "kind": "ShopService",
            "metadata": {"name": name, "namespace": namespace, "labels": {"tier": tier}},
            "spec": {"image": "a:1", "replicas": {"min": 1, "max": 9}}}))
        .expect("a ShopService")
    }

    fn parsed(over: Value) -> PromotionSpec {
        let shops = [
            shop("shop", "storefront", "checkout"),
            shop("shop", "pay", "checkout"),
            shop("shop", "search", "front"),
            shop("other", "pay", "checkout"),
        ];
        promotion(&event(over), &shops).expect("parses")
    }

    #[test]
    fn finds_services_by_name_before_by_label_and_in_its_own_namespace() {
        let spec = parsed(json!({}));
        let found: Vec<_> = spec.targets.iter().map(|t| (t.service.as_str(), t.floor, t.ceiling)).collect();
        assert_eq!(found, [("pay", Some(12), Some(60)), ("storefront", None, None)]);
        assert_eq!(spec.targets[1].expectation, Some(Expectation::new(2.0, 4.0, 8.0).expect("a range")));
    }

    #[test]
    fn absent_fields_take_the_documented_defaults() {
        let spec = parsed(json!({}));
        assert_eq!((spec.schedule.duration.as_hours(), spec.ready_before.as_mins()), (4, 10));
        assert_eq!((spec.lead_time, spec.budget, spec.awaits_approval, spec.cancelled), (None, None, false, false));
    }

    #[test]
    fn every_field_reaches_its_place() {
        let spec = parsed(json!({"spec": {"preScale": {"leadTime": "90s", "readyBefore": "5m"},
            "approval": {"required": true}, "budget": {"replicaHours": 200}, "cancelled": true,
            "schedule": {"recurrence": "FREQ=WEEKLY;BYDAY=FR"}}}));
        assert_eq!(spec.lead_time.map(|lead| lead.as_secs()), Some(90));
        assert_eq!((spec.ready_before.as_mins(), spec.budget), (5, Some(200.0)));
        assert_eq!((spec.awaits_approval, spec.cancelled), (true, true));
        assert_eq!(spec.schedule.recurrence.as_deref(), Some("FREQ=WEEKLY;BYDAY=FR"));
        let approved = json!({"spec": {"approval": {"required": true, "approvedBy": "jane"}}});
        assert!(!parsed(approved).awaits_approval);
    }
}
