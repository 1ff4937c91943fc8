//! What only a scheduler would read: kept with the pod, and checked as Kubernetes checks it, so
//! that a manifest that passes here passes there.

mod affinity;
mod selector;
mod spread;
mod toleration;

use serde_json::Value;

use super::{
    Violations,
    names::{dns_subdomain, label_value, qualified_name},
};
use crate::spec::PodSpec;

pub(super) fn check(spec: &PodSpec, v: &mut Violations) {
    let kept = |name: &str| spec.extra.get(name);
    if let Some(labels) = kept("nodeSelector").and_then(Value::as_object) {
        for (key, value) in labels {
            v.form("spec.nodeSelector", key, qualified_name(key));
            let value = value.as_str().unwrap_or_default();
            v.form("spec.nodeSelector", value, label_value(value));
        }
    }
    for (index, item) in items(kept("tolerations")).iter().enumerate() {
        toleration::check(&format!("spec.tolerations[{index}]"), item, v);
    }
    spread::check(items(kept("topologySpreadConstraints")), v);
    if let Some(affinity) = kept("affinity") {
        affinity::check("spec.affinity", affinity, v);
    }
    if let Some(class) = kept("priorityClassName").and_then(Value::as_str) {
        v.form("spec.priorityClassName", class, dns_subdomain(class));
    }
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text field of an object; empty if it is not there.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
