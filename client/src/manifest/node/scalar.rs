//! What a plain scalar means.
//!
//! Kubernetes reads manifests by the rules of YAML 1.1: `yes`, `on` and `y` are true, `0644` is octal. Whoever moves a
//! manifest here must not find it mean something else.

/// A scalar, resolved.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::manifest) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// Resolves a scalar that was written without quotes or tag.
    pub(in crate::manifest) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                return Self::Bool(true);
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
            | "OFF" => return Self::Bool(false),
            _ => {}
        }
        let numeric =
            text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
        if !numeric {
            return Self::Text(text.to_owned());
        }
        if let Some(integer) = integer(text) {
            return Self::Int(integer);
        }
        if let Some(float) = float(text) {
            return Self::Float(float);
        }
        Self::Text(text.to_owned())
    }

    /// Go's word for it in JSON.
    pub(super) fn json_type(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Float(_) => "number",
            Self::Text(_) => "string",
        }
    }

    /// As the key of a map, which is always text; `None` for null, which cannot be one.
    pub(super) fn into_key(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::Text(text) => Some(text),
        }
    }

    /// A whole number, written as one or as a float without a fraction.
    pub(in crate::manifest) fn whole(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked: whole and far below 2^127"
            )]
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e30 => {
                Some(*value as i128)
            }
            _ => None,
        }
    }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.replace('_', "");
    let (radix, digits) = if let Some(rest) = digits.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = digits.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = digits.strip_prefix("0o") {
        (8, rest)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(digits, radix)
        .ok()
        .map(|value| sign * value)
}

fn float(text: &str) -> Option<f64> {
    let bare = text.trim_start_matches(['+', '-']);
    match bare {
        ".inf" | ".Inf" | ".INF" => {
            let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
            return Some(sign * f64::INFINITY);
        }
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    // Rust also reads words such as `inf`, which YAML does not.
    let allowed = |c: char| c.is_ascii_digit() || "+-.eE_".contains(c);
    if !text.chars().all(allowed) {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    // What no float can hold stays text.
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubernetes() {
        let cases = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("y", Scalar::Bool(true)),
            ("off", Scalar::Bool(false)),
            ("80", Scalar::Int(80)),
            ("+80", Scalar::Int(80)),
            ("0644", Scalar::Int(0o644)),
            ("0o644", Scalar::Int(0o644)),
            ("0x10", Scalar::Int(16)),
            ("1_000", Scalar::Int(1000)),
            ("-7", Scalar::Int(-7)),
            ("1.10", Scalar::Float(1.1)),
            ("1e3", Scalar::Float(1000.0)),
            ("0.5", Scalar::Float(0.5)),
        ];
        for (text, expected) in cases {
            assert_eq!(Scalar::plain(text), expected, "{text}");
        }
        for text in [
            "1.2.3",
            "500m",
            "128Mi",
            "-",
            ".",
            "1.36.2-rc1",
            "inf",
            "0b2",
            "--1",
            "2026-11-22",
        ] {
            assert_eq!(Scalar::plain(text), Scalar::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_float_without_fraction_is_whole() {
        assert_eq!(Scalar::Float(80.0).whole(), Some(80));
        assert_eq!(Scalar::Float(1.5).whole(), None);
        assert_eq!(Scalar::Float(f64::NAN).whole(), None);
    }
}
