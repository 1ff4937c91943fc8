//! Affinity to nodes and to pods.

use serde_json::Value;

use super::{
    super::{
        Violations,
        names::{dns_label, qualified_name},
    },
    items, selector, text,
};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn check(path: &str, affinity: &Value, v: &mut Violations) {
    if let Some(nodes) = affinity.get("nodeAffinity") {
        node(&format!("{path}.nodeAffinity"), nodes, v);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = affinity.get(kind) {
            pod(&format!("{path}.{kind}"), pods, v);
        }
    }
}

fn node(path: &str, affinity: &Value, v: &mut Violations) {
    if let Some(required) = affinity.get(REQUIRED).filter(|value| !value.is_null()) {
        let path = format!("{path}.{REQUIRED}.nodeSelectorTerms");
        let terms = items(required.get("nodeSelectorTerms"));
        if terms.is_empty() {
            v.required(&*path, "must have at least one node selector term");
        }
        for (index, term) in terms.iter().enumerate() {
            selector::node_term(&format!("{path}[{index}]"), term, v);
        }
    }
    for (index, preferred) in items(affinity.get(PREFERRED)).iter().enumerate() {
        let path = format!("{path}.{PREFERRED}[{index}]");
        weight(&path, preferred, v);
        let term = &preferred["preference"];
        selector::node_term(&format!("{path}.preference"), term, v);
    }
}

fn pod(path: &str, affinity: &Value, v: &mut Violations) {
    for (index, term) in items(affinity.get(REQUIRED)).iter().enumerate() {
        pod_term(&format!("{path}.{REQUIRED}[{index}]"), term, v);
    }
    for (index, preferred) in items(affinity.get(PREFERRED)).iter().enumerate() {
        let path = format!("{path}.{PREFERRED}[{index}]");
        weight(&path, preferred, v);
        let term = &preferred["podAffinityTerm"];
        pod_term(&format!("{path}.podAffinityTerm"), term, v);
    }
}

fn weight(path: &str, preferred: &Value, v: &mut Violations) {
    let weight = preferred
        .get("weight")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    if !(1..=100).contains(&weight) {
        v.invalid(
            format!("{path}.weight"),
            weight,
            "must be in the range 1-100",
        );
    }
}

fn pod_term(path: &str, term: &Value, v: &mut Violations) {
    for field in ["labelSelector", "namespaceSelector"] {
        if let Some(labels) = term.get(field) {
            selector::labels(&format!("{path}.{field}"), labels, v);
        }
    }
    for namespace in items(term.get("namespaces")) {
        let namespace = namespace.as_str().unwrap_or_default();
        // Kubernetes' own path for an entry of `namespaces`.
        v.form(
            &format!("{path}.namespace"),
            namespace,
            dns_label(namespace),
        );
    }
    let key = text(term, "topologyKey");
    let path = format!("{path}.topologyKey");
    if key.is_empty() {
        v.required(&*path, "can not be empty");
    }
    v.form(&path, key, qualified_name(key));
}
