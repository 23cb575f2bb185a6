//! Laying one piece of a manifest over another, and reading back the piece of a live object that we wrote.

use serde_json::{Map, Value};

/// Lays `over` on `base`: objects field by field, lists of named elements by their merge key, everything else replaced;
/// `null` takes a field away.
///
/// **Source**: the merge keys of strategic merge patch for a pod template (Kubernetes API reference, "patch merge key").
pub fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => merge_fields(base, over),
        (Value::Array(base), Value::Array(over)) if over.iter().all(|item| key(item).is_some()) => {
            for item in over {
                match base.iter_mut().find(|old| key(old) == key(&item)) {
                    Some(old) => merge(old, item),
                    None => base.push(without_nulls(item)),
                }
            }
        }
        (base, over) => *base = without_nulls(over),
    }
}

fn merge_fields(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (field, value) in over {
        match base.get_mut(&field) {
            _ if value.is_null() => drop(base.remove(&field)),
            Some(old) => merge(old, value),
            None => drop(base.insert(field, without_nulls(value))),
        }
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

/// What `live` holds in the places that `wanted` names, with the server's defaults and spellings.
pub fn project(wanted: &Value, live: &Value) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted
            .iter()
            .map(|(field, value)| (field.clone(), live.get(field).map_or(Value::Null, |live| project(value, live))))
            .collect(),
        (Value::Array(wanted), Value::Array(live)) if wanted.iter().all(|item| key(item).is_some()) => wanted
            .iter()
            .map(|item| live.iter().find(|live| key(live) == key(item)).map_or(Value::Null, |live| project(item, live)))
            .collect(),
        (_, live) => live.clone(),
    }
}

/// What tells one element of a list from its siblings; `None` for plain values.
fn key(item: &Value) -> Option<(&'static str, String, String)> {
    let fields = item.as_object()?;
    for field in ["mountPath", "devicePath", "containerPort", "name", "uid", "topologyKey", "ip", "port"] {
        if let Some(value) = fields.get(field) {
            let protocol = match field {
                "containerPort" | "port" => fields.get("protocol").and_then(Value::as_str).unwrap_or("TCP"),
                _ => "",
            };
            return Some((field, value.to_string(), protocol.to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sidecar_is_added_and_the_app_is_changed_by_name() {
        let mut base = json!({"spec": {"containers": [
            {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}], "args": ["x", "y"]}]}});
        merge(
            &mut base,
            json!({"spec": {"priorityClassName": "high", "containers": [
                {"name": "app", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}], "args": ["z"]},
                {"name": "proxy", "image": "p:1"}]}}),
        );
        assert_eq!(
            base,
            json!({"spec": {"priorityClassName": "high", "containers": [
                {"name": "app", "image": "a:1",
                 "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}], "args": ["z"]},
                {"name": "proxy", "image": "p:1"}]}})
        );
    }

    #[test]
    fn null_takes_a_generated_field_away() {
        let mut base = json!({"containers": [{"name": "app", "livenessProbe": {"httpGet": {"path": "/healthz"}}}]});
        merge(
            &mut base,
            json!({"containers": [{"name": "app", "livenessProbe": null, "lifecycle": {"preStop": null}}]}),
        );
        assert_eq!(base, json!({"containers": [{"name": "app", "lifecycle": {}}]}));
    }

    #[test]
    fn reads_back_only_what_was_written() {
        let wanted = json!({"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "0.5"}}}],
            "tolerations": ["a"]}});
        let live = json!({"spec": {"dnsPolicy": "ClusterFirst", "tolerations": ["a", "b"], "containers": [
            {"name": "injected"}, {"name": "app", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "500m"}}}]}});
        let read = json!({"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "500m"}}}],
            "tolerations": ["a", "b"]}});
        assert_eq!(project(&wanted, &live), read);
        let gone = json!({"spec": {"containers": [], "tolerations": ["a"]}});
        assert_eq!(project(&wanted, &gone), json!({"spec": {"containers": [null], "tolerations": ["a"]}}));
    }
}
