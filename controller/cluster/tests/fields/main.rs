//! Every field that a person may write changes something, and every field that is reported is filled: one case per field.
//!
//! A case writes one field and states what is seen without and with it: in the objects that would be applied, in the
//! decision, in the treatment of a sick pod, in the gateway's routes, or in the plan of a promotion. The schema tells which cases there must be.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

mod decided;
mod exposed;
mod healed;
mod planned;
mod read;
mod reported;
mod reserved;
mod run;
mod schema;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::schema::leaves;

/// One field, and what it changes.
pub(crate) struct Case {
    /// Its path in the schema; lists end in `[]`, maps in `{}`.
    field: &'static str,
    /// What the object says besides, so that the field can matter.
    besides: Value,
    /// The field as it is written.
    written: Value,
    /// What is looked at, of the whole object.
    seen: fn(&Value) -> Value,
    /// What is seen without the field.
    without: Value,
    /// What is seen with it.
    with: Value,
}

impl Case {
    /// A field that stands alone.
    pub(crate) fn new(field: &'static str, written: Value, seen: fn(&Value) -> Value, change: [Value; 2]) -> Self {
        let [without, with] = change;
        Self { field, besides: json!({}), written, seen, without, with }
    }

    /// What the object says besides.
    pub(crate) fn besides(self, besides: Value) -> Self {
        Self { besides, ..self }
    }

    /// What is wrong with it; empty = nothing.
    fn faults(&self, object: &Value) -> Vec<String> {
        let mut without = object.clone();
        lay_over(&mut without, &json!({"spec": self.besides}));
        let mut with = without.clone();
        lay_over(&mut with, &json!({"spec": self.written}));
        let seen = [(self.seen)(&without), (self.seen)(&with)];
        let stated = [&self.without, &self.with];
        let mut faults = Vec::new();
        if [&seen[0], &seen[1]] != stated {
            faults.push(format!(
                "{}: seen {} and {}, stated {} and {}",
                self.field, seen[0], seen[1], stated[0], stated[1]
            ));
        }
        if self.without == self.with {
            faults.push(format!("{}: the case states no change", self.field));
        }
        faults
    }
}

/// Lays what is written over an object; lists are replaced, null takes away (RFC 7386).
pub(crate) fn lay_over(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                } else {
                    lay_over(fields.entry(name.clone()).or_insert(json!({})), change);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn shop() -> Value {
    json!({"apiVersion": "presale.dev/v1alpha1", "kind": "ShopService",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u", "labels": {"tier": "pay"}},
        "spec": {"image": "checkout:1", "replicas": {"min": 2, "max": 40}}})
}

fn promotion() -> Value {
    json!({"apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent",
        "metadata": {"name": "sale", "namespace": "shop", "creationTimestamp": "2026-11-01T00:00:00Z"},
        "spec": {"kind": "FlashSale", "targets": [{"service": "checkout"}],
            "schedule": {"timeZone": "UTC", "start": "2026-11-27T20:00:00", "duration": "2h"}}})
}

fn of_shops() -> Vec<Case> {
    [run::cases(), decided::cases(), read::cases(), reserved::cases(), healed::cases(), exposed::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Fields of the schema without a case, and cases without a field.
fn unmatched(schema: &BTreeSet<String>, cases: &[Case]) -> Vec<String> {
    let held: BTreeSet<String> = cases.iter().map(|case| case.field.to_owned()).collect();
    held.symmetric_difference(schema).cloned().collect()
}

#[test]
fn each_field_of_a_shop_service_changes_something() {
    let faults: Vec<_> = of_shops().iter().flat_map(|case| case.faults(&shop())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_field_of_a_promotion_changes_something() {
    let faults: Vec<_> = planned::cases().iter().flat_map(|case| case.faults(&promotion())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_field_is_without_a_case() {
    assert_eq!(unmatched(&leaves::<presale_crds::ShopService>("spec"), &of_shops()), [""; 0]);
    assert_eq!(unmatched(&leaves::<presale_crds::PromotionEvent>("spec"), &planned::cases()), [""; 0]);
}

#[test]
fn a_planted_field_and_a_planted_case_are_found() {
    let mut schema = leaves::<presale_crds::ShopService>("spec");
    schema.insert("scaling.planted".to_owned());
    assert_eq!(unmatched(&schema, &of_shops()), ["scaling.planted"]);
    let idle =
        Case::new("image", json!({"image": "checkout:1"}), |shop| shop["spec"]["image"].clone(), [json!(1), json!(1)]);
    assert_eq!(idle.faults(&shop()).len(), 2, "a case that changes nothing, and states what is not seen");
}
