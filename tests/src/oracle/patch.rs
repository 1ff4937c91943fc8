//! The patches of a Kubernetes API server, which its clients may send and Lifepod's do themselves.

use serde_json::{Map, Value, json};

/// Merges maps; null removes; everything else replaces (RFC 7386).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        target.clone_from(patch);
        return;
    };
    for (name, value) in fields {
        let object = as_object(target);
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// As [`merge`], but lists of named things are merged by name.
pub(super) fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        target.clone_from(patch);
        return;
    };
    for (name, value) in fields {
        let object = as_object(target);
        match value {
            Value::Null => {
                object.remove(name);
            }
            Value::Array(items) => {
                let list = object
                    .entry(name.clone())
                    .or_insert_with(|| Value::Array(Vec::new()));
                strategic_list(name, list, items);
            }
            _ => strategic(object.entry(name.clone()).or_insert(Value::Null), value),
        }
    }
}

fn strategic_list(name: &str, list: &mut Value, items: &[Value]) {
    let Value::Array(known) = list else {
        *list = Value::Array(items.to_vec());
        return;
    };
    let Some(key) = key_of(name) else {
        *known = items.to_vec();
        return;
    };
    for item in items {
        let same = |other: &Value| {
            if key.is_empty() {
                other == item
            } else {
                other[key] == item[key]
            }
        };
        let at = known.iter().position(same);
        match at {
            Some(at) if item["$patch"] == "delete" => {
                known.remove(at);
            }
            Some(at) => strategic(&mut known[at], item),
            None => known.push(item.clone()),
        }
    }
}

/// By which field the items of a list are told apart; empty when they are texts.
fn key_of(list: &str) -> Option<&'static str> {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "schedulingGates" => Some("name"),
        "finalizers" => Some(""),
        "ownerReferences" => Some("uid"),
        "ports" => Some("containerPort"),
        "volumeMounts" => Some("mountPath"),
        "conditions" => Some("type"),
        "hostAliases" => Some("ip"),
        "resizePolicy" => Some("resourceName"),
        _ => None,
    }
}

/// Applies the operations of RFC 6902; false when one of them cannot be.
pub(super) fn operations(target: &mut Value, list: &Value) -> bool {
    let operations = list.as_array().map_or(&[][..], Vec::as_slice);
    operations
        .iter()
        .all(|operation| apply(target, operation).is_some())
}

fn apply(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let value = &operation["value"];
    if operation["op"] == "test" {
        return (target.pointer(path)? == value).then_some(());
    }
    let (parent, name) = path.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    match (operation["op"].as_str()?, target.pointer_mut(parent)?) {
        ("add" | "replace", Value::Object(fields)) => {
            fields.insert(name, value.clone());
        }
        ("remove", Value::Object(fields)) => {
            fields.remove(&name)?;
        }
        ("add", Value::Array(items)) if name == "-" => items.push(value.clone()),
        ("add", Value::Array(items)) => items.insert(name.parse().ok()?, value.clone()),
        ("replace", Value::Array(items)) => {
            *items.get_mut(name.parse::<usize>().ok()?)? = value.clone();
        }
        ("remove", Value::Array(items)) => {
            let at = name.parse().ok().filter(|at| *at < items.len())?;
            items.remove(at);
        }
        _ => return None,
    }
    Some(())
}

/// Sets paths such as `spec/containers/0/image`; null removes.
pub(super) fn set_paths(target: &mut Value, changes: &Value) {
    for change in changes.as_array().map_or(&[][..], Vec::as_slice) {
        let pointer = format!("/{}", change[0].as_str().unwrap_or_default());
        let kind = if change[1].is_null() {
            "remove"
        } else {
            "replace"
        };
        // A path that is not there is one that need not be removed.
        let _ = apply(
            target,
            &json!({"op": kind, "path": pointer, "value": change[1]}),
        );
    }
}

fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("made an object above"),
    }
}
