//! YAML in the style of Kubernetes' emitter: sorted keys, lists at the indentation of their key, long text folded after
//! column 80.

mod scalar;

use serde_json::Value as Json;

/// Writes a JSON value as `kubectl -o yaml` would.
#[must_use]
pub fn to_yaml_text(value: &Json) -> String {
    let mut text = String::new();
    match value {
        Json::Object(fields) if !fields.is_empty() => map(fields, 0, false, &mut text),
        Json::Array(items) if !items.is_empty() => list(items, 0, false, &mut text),
        other => {
            single(other, 0, &mut text);
            text.push('\n');
        }
    }
    text
}

/// Writes the fields of a map. `inline`: the first one goes on in the present line, after `- `.
fn map(fields: &serde_json::Map<String, Json>, indent: usize, inline: bool, text: &mut String) {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 || !inline {
            pad(indent, text);
        }
        scalar::key(name, text);
        text.push(':');
        match value {
            Json::Object(fields) if !fields.is_empty() => {
                text.push('\n');
                map(fields, indent + 2, false, text);
            }
            Json::Array(items) if !items.is_empty() => {
                text.push('\n');
                list(items, indent, false, text);
            }
            other => {
                text.push(' ');
                single(other, indent + 2, text);
                text.push('\n');
            }
        }
    }
}

fn list(items: &[Json], indent: usize, inline: bool, text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !inline {
            pad(indent, text);
        }
        text.push_str("- ");
        match item {
            Json::Object(fields) if !fields.is_empty() => map(fields, indent + 2, true, text),
            Json::Array(items) if !items.is_empty() => list(items, indent + 2, true, text),
            other => {
                single(other, indent + 2, text);
                text.push('\n');
            }
        }
    }
}

/// Writes a value that takes no lines of its own.
fn single(value: &Json, indent: usize, text: &mut String) {
    match value {
        Json::String(string) => scalar::value(string, indent, text),
        other => text.push_str(&other.to_string()),
    }
}

fn pad(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_lists_and_scalars_take_the_usual_shape() {
        let value = json!({
            "list": [{"b": 1, "a": ["x", []]}, "y", [1, 2]],
            "empty": {}, "null": null, "text": "a: b", "block": "one\n two\n", "number": "9", "n": "no",
        });
        let expected = "\
block: |
  one
   two
empty: {}
list:
- a:
  - x
  - []
  b: 1
- \"y\"
- - 1
  - 2
\"n\": \"no\"
\"null\": null
number: \"9\"
text: 'a: b'
";
        assert_eq!(to_yaml_text(&value), expected);
    }
}
