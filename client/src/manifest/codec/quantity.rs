//! Quantities: `500m`, `128Mi`, `1.5`, `2e3`.
//!
//! Only the form is looked at here, as Kubernetes' decoder does; the server knows what they amount to.

use serde_json::Value as Json;

use super::Codec;
use crate::manifest::{
    node::{Node, Scalar, Value},
    read::Reader,
};

const WRONG_FORM: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX: &str = "unable to parse quantity's suffix";
const SUFFIXES: [&str; 16] = [
    "n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
];

/// A quantity, given as text or as a number; left out when empty.
pub(in crate::manifest) struct Quantity;

impl Codec<String> for Quantity {
    fn go_type(&self) -> String {
        "resource.Quantity".to_owned()
    }

    fn read(&self, target: &mut String, node: &Node, reader: &mut Reader) {
        let text = match &node.value {
            Value::Scalar(Scalar::Text(text)) => text.trim().to_owned(),
            Value::Scalar(Scalar::Int(number)) => number.to_string(),
            Value::Scalar(Scalar::Float(number)) => number.to_string(),
            // Kubernetes reads null as zero.
            Value::Scalar(Scalar::Null) => "0".to_owned(),
            _ => return reader.failure(node, WRONG_FORM),
        };
        match check(&text) {
            Ok(()) => *target = text,
            Err(message) => reader.failure(node, message),
        }
    }

    fn encode(&self, value: &String) -> Json {
        Json::String(value.clone())
    }

    fn is_left_out(&self, value: &String) -> bool {
        value.is_empty()
    }
}

/// A quantity that Kubernetes never leaves out: the unit of a resource field.
pub(in crate::manifest) struct Divisor;

impl Codec<String> for Divisor {
    fn go_type(&self) -> String {
        Quantity.go_type()
    }

    fn read(&self, target: &mut String, node: &Node, reader: &mut Reader) {
        Quantity.read(target, node, reader);
    }

    fn encode(&self, value: &String) -> Json {
        let text = if value.is_empty() { "0" } else { value };
        Json::String(text.to_owned())
    }

    fn is_left_out(&self, _: &String) -> bool {
        false
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits_end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(digits_end);
    // A lone sign is zero to Kubernetes.
    if matches!(text, "+" | "-") {
        return Ok(());
    }
    if digits.is_empty() || digits.matches('.').count() > 1 || digits == "." {
        return Err(WRONG_FORM);
    }
    if SUFFIXES.contains(&suffix) || is_exponent(suffix) {
        return Ok(());
    }
    let letters = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let rest = letters.strip_prefix(['+', '-']).unwrap_or(letters);
    if rest.chars().all(|c| c.is_ascii_digit()) {
        Err(WRONG_SUFFIX)
    } else {
        Err(WRONG_FORM)
    }
}

fn is_exponent(suffix: &str) -> bool {
    let Some(number) = suffix.strip_prefix(['e', 'E']) else {
        return false;
    };
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_told_from_what_is_none() {
        for text in [
            "0", "500m", "128Mi", "1.5", ".5", "5.", "-1", "+2Gi", "2e3", "1E-3", "1E", "100n",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["", "x", "1 Gi", "0x10", "1xb", "10kb", "1,5", ".", "1.2.3"] {
            assert_eq!(check(text), Err(WRONG_FORM), "{text}");
        }
        assert_eq!(check("128K"), Err(WRONG_SUFFIX));
    }
}
