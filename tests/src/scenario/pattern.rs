//! Patterns for single values.
//!
//! | pattern | matches |
//! |---|---|
//! | `_` | anything |
//! | `a\|b` | either |
//! | `!a` | anything else |
//! | `/text/` | what contains the text |
//! | `>=2`, `<=2` | numbers |
//! | `true`, `false` | itself, in capitals too |
//! | anything else | itself |

use serde::Deserialize;
use std::collections::BTreeMap;

/// Whether a value matches a pattern.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    if let Some(text) = pattern
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
    {
        return value.contains(text);
    }
    if let Some(not) = pattern.strip_prefix('!') {
        return !matches(not, value);
    }
    if pattern.contains('|') {
        return pattern.split('|').any(|one| matches(one, value));
    }
    let number = |text: &str| text.trim().parse::<i64>().ok();
    for (sign, holds) in [(">=", i64::ge as fn(&i64, &i64) -> bool), ("<=", i64::le)] {
        if let Some(bound) = pattern.strip_prefix(sign).and_then(number) {
            return number(value).is_some_and(|value| holds(&value, &bound));
        }
    }
    let truth = matches!(pattern, "true" | "false") && pattern.eq_ignore_ascii_case(value);
    pattern == "_" || pattern == value || truth
}

/// A scalar of YAML, as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// Patterns by field; all must match.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Matches(BTreeMap<String, Scalar>);

impl Matches {
    /// Fields and their patterns.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(field, pattern)| {
            let text = match pattern {
                Scalar::Flag(flag) => flag.to_string(),
                Scalar::Number(number) => number.to_string(),
                Scalar::Text(text) => text.clone(),
            };
            (field.as_str(), text)
        })
    }

    /// Whether all match the values that `value` gives.
    pub(super) fn hold(&self, value: impl Fn(&str) -> String) -> bool {
        self.fields()
            .all(|(field, pattern)| matches(&pattern, &value(field)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_matches_what_it_says() {
        for (pattern, value) in [
            ("_", ""),
            ("R", "R"),
            ("R|W(x)", "W(x)"),
            ("!R", "W(x)"),
            ("/back-off/", "a back-off 10s"),
            (">=2", "2"),
            ("<=2", "1"),
            ("true", "True"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [
            ("R", "T(0,Completed)"),
            ("R|W(x)", "W(y)"),
            ("!R", "R"),
            ("!R|W(x)", "W(x)"),
            ("/a/", "b"),
            (">=2", "1"),
            (">=2", "x"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }
}
