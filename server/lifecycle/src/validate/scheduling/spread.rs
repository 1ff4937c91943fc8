//! Topology spread constraints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{Violations, names::qualified_name},
    selector, text,
};

const WHEN: [&str; 2] = ["DoNotSchedule", "ScheduleAnyway"];
const POLICIES: [&str; 2] = ["Honor", "Ignore"];
const POSITIVE: &str = "must be greater than zero";

pub(super) fn check(constraints: &[Value], v: &mut Violations) {
    let mut pairs = BTreeSet::new();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = format!("spec.topologySpreadConstraints[{index}]");
        one(&path, constraint, v);
        let pair = (
            text(constraint, "topologyKey"),
            text(constraint, "whenUnsatisfiable"),
        );
        if !pairs.insert(pair) {
            let shown = format!("{{{}, {}}}", pair.0, pair.1);
            v.duplicate(format!("{path}.{{topologyKey, whenUnsatisfiable}}"), shown);
        }
    }
}

fn one(path: &str, constraint: &Value, v: &mut Violations) {
    let number = |field: &str| constraint.get(field).and_then(Value::as_i64);
    let skew = number("maxSkew").unwrap_or_default();
    if skew <= 0 {
        v.invalid(format!("{path}.maxSkew"), skew, POSITIVE);
    }
    let key = text(constraint, "topologyKey");
    if key.is_empty() {
        v.required(format!("{path}.topologyKey"), "can not be empty");
    } else {
        v.form(&format!("{path}.topologyKey"), key, qualified_name(key));
    }
    let when = text(constraint, "whenUnsatisfiable");
    if !WHEN.contains(&when) {
        v.not_supported(format!("{path}.whenUnsatisfiable"), when, &WHEN);
    }
    if let Some(domains) = number("minDomains") {
        if domains <= 0 {
            v.invalid(format!("{path}.minDomains"), domains, POSITIVE);
        }
        if when != "DoNotSchedule" {
            let detail =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}");
            v.invalid(format!("{path}.minDomains"), domains, &detail);
        }
    }
    for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        let policy = constraint.get(field).and_then(Value::as_str);
        if let Some(policy) = policy.filter(|policy| !POLICIES.contains(policy)) {
            v.not_supported(format!("{path}.{field}"), policy, &POLICIES);
        }
    }
    if let Some(labels) = constraint.get("labelSelector") {
        selector::labels(&format!("{path}.labelSelector"), labels, v);
    }
}
