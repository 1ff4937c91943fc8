//! JSON with four spaces of indentation, sorted keys, and Go's escapes.

use std::fmt::Write;

use serde_json::Value as Json;

/// Writes a JSON value as `kubectl -o json` would, with a line feed at the end.
#[must_use]
pub fn to_json_text(value: &Json) -> String {
    let mut text = String::new();
    emit(value, 0, &mut text);
    text.push('\n');
    text
}

fn emit(value: &Json, depth: usize, text: &mut String) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            let each = |(name, value): (&String, &Json), text: &mut String| {
                quote(name, text);
                text.push_str(": ");
                emit(value, depth + 1, text);
            };
            bracket('{', '}', depth, sorted.into_iter(), each, text);
        }
        Json::Array(items) if !items.is_empty() => {
            let each = |item: &Json, text: &mut String| emit(item, depth + 1, text);
            bracket('[', ']', depth, items.iter(), each, text);
        }
        Json::String(string) => quote(string, text),
        other => text.push_str(&other.to_string()),
    }
}

fn bracket<T>(
    open: char,
    close: char,
    depth: usize,
    items: impl Iterator<Item = T>,
    each: impl Fn(T, &mut String),
    text: &mut String,
) {
    text.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        line(depth + 1, text);
        each(item, text);
    }
    line(depth, text);
    text.push(close);
}

fn line(depth: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n("    ", depth));
}

/// Go escapes what could break out of HTML or JavaScript, too.
fn quote(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a String cannot fail.
                {
                    let _ = write!(text, "\\u{:04x}", u32::from(c));
                };
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_markup_is_escaped() {
        let value = json!({"b": [1, {}], "a": "x && <y>\n\u{1}", "c": []});
        let expected = "{\n    \"a\": \"x \\u0026\\u0026 \\u003cy\\u003e\\n\\u0001\",\n    \"b\": [\n        1,\n        {}\n    ],\n    \"c\": []\n}\n";
        assert_eq!(to_json_text(&value), expected);
    }
}
