//! Tolerations.

use serde_json::Value;

use super::{
    super::{
        Violations,
        names::{label_value, qualified_name},
    },
    text,
};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(super) fn check(path: &str, toleration: &Value, v: &mut Violations) {
    let field = |name: &str| text(toleration, name);
    let (key, operator, value, effect) = (
        field("key"),
        field("operator"),
        field("value"),
        field("effect"),
    );
    if !key.is_empty() {
        v.form(&format!("{path}.key"), key, qualified_name(key));
    } else if operator != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        v.invalid(format!("{path}.operator"), operator, detail);
    }
    if toleration.get("tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        v.invalid(format!("{path}.effect"), effect, detail);
    }
    match operator {
        "" | "Equal" => v.form(&format!("{path}.operator"), value, label_value(value)),
        "Exists" if !value.is_empty() => {
            let detail = "value must be empty when `operator` is 'Exists'";
            v.invalid(format!("{path}.operator"), value, detail);
        }
        "Exists" => {}
        _ => v.not_supported(format!("{path}.operator"), operator, &["Equal", "Exists"]),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        v.not_supported(format!("{path}.effect"), effect, &EFFECTS);
    }
}
