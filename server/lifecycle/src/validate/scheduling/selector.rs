//! Label selectors and node selector terms.

use serde_json::Value;

use super::{
    super::{
        Violations,
        names::{label_value, qualified_name},
    },
    items, text,
};

const NOT_AN_OPERATOR: &str = "not a valid selector operator";

/// A label selector: `matchLabels` and `matchExpressions`.
pub(super) fn labels(path: &str, selector: &Value, v: &mut Violations) {
    if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
        for (key, value) in labels {
            let path = format!("{path}.matchLabels");
            v.form(&path, key, qualified_name(key));
            let value = value.as_str().unwrap_or_default();
            v.form(&path, value, label_value(value));
        }
    }
    let expressions = items(selector.get("matchExpressions"));
    for (index, expression) in expressions.iter().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        requirement(&path, expression, &[], v);
    }
}

/// One term of a node selector.
pub(super) fn node_term(path: &str, term: &Value, v: &mut Violations) {
    for (index, expression) in items(term.get("matchExpressions")).iter().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        requirement(&path, expression, &["Gt", "Lt"], v);
    }
    for (index, field) in items(term.get("matchFields")).iter().enumerate() {
        node_field(&format!("{path}.matchFields[{index}]"), field, v);
    }
}

fn requirement(path: &str, expression: &Value, more: &[&str], v: &mut Violations) {
    let operator = text(expression, "operator");
    let values = items(expression.get("values"));
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            v.required(format!("{path}.values"), detail);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            v.forbidden(format!("{path}.values"), detail);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other if more.contains(&other) && values.len() == 1 => {}
        other if more.contains(&other) => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            v.required(format!("{path}.values"), detail);
        }
        other => v.invalid(format!("{path}.operator"), other, NOT_AN_OPERATOR),
    }
    let key = text(expression, "key");
    v.form(&format!("{path}.key"), key, qualified_name(key));
}

/// Nodes are chosen by one field only: their name.
fn node_field(path: &str, field: &Value, v: &mut Violations) {
    match text(field, "operator") {
        "In" | "NotIn" => {
            if items(field.get("values")).len() != 1 {
                let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                v.required(format!("{path}.values"), detail);
            }
        }
        other => v.invalid(format!("{path}.operator"), other, NOT_AN_OPERATOR),
    }
    let key = text(field, "key");
    if key != "metadata.name" {
        v.invalid(format!("{path}.key"), key, "not a valid field selector key");
    }
}
