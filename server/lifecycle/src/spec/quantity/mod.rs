//! Kubernetes resource quantities (`500m`, `128Mi`, `1.5`, `2e3`).
//!
//! Reference: apimachinery `pkg/api/resource/quantity.go`. Values are kept exactly, in
//! thousandths, next to the canonical text that Kubernetes answers with (`0.5` reads back as
//! `500m`, `1024Mi` as `1Gi`).

mod canonical;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that is not a quantity.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)]
pub struct ParseQuantityError;

/// A number with a unit suffix.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    millis: i128,
}

impl Quantity {
    /// Value rounded up to a whole number.
    #[must_use]
    pub fn value(&self) -> i64 {
        saturate(div_ceil(self.millis, 1000))
    }

    /// Value in thousandths, rounded up.
    #[must_use]
    pub fn millis(&self) -> i64 {
        saturate(self.millis)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn div_ceil(value: i128, by: i128) -> i128 {
    value.div_euclid(by) + i128::from(value.rem_euclid(by) != 0)
}

/// Power by which the digits are multiplied: (base, exponent).
fn suffix(text: &str) -> Option<(i128, i32)> {
    Some(match text {
        "" => (10, 0),
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        "Pi" => (1024, 5),
        "Ei" => (1024, 6),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (10, exponent.parse().ok()?)
        }
    })
}

/// `digits × base^exponent / 10^decimals`, in thousandths, rounded away from zero; saturating.
fn scale(digits: i128, decimals: u32, base: i128, exponent: i32) -> i128 {
    let limit = i128::from(i64::MAX) * 1000;
    if digits == 0 {
        return 0;
    }
    let mut value = digits.saturating_mul(1000);
    for _ in 0..exponent.clamp(0, 64) {
        value = value
            .saturating_mul(base)
            .clamp(-limit * 1_000_000, limit * 1_000_000);
    }
    let down = decimals + exponent.min(0).unsigned_abs();
    let mut remainder = false;
    for _ in 0..down.min(64) {
        remainder |= value % 10 != 0;
        value /= 10;
    }
    value += if remainder { digits.signum() } else { 0 };
    value.clamp(-limit, limit)
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, unit) = unsigned.split_at(end);
        if unsigned.is_empty() && !text.is_empty() {
            // A lone sign is zero to Kubernetes.
            return "0".parse();
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 30
        {
            return Err(ParseQuantityError);
        }
        let digits: i128 = format!("0{whole}{fraction}")
            .parse()
            .map_err(|_| ParseQuantityError)?;
        let digits = if text.starts_with('-') {
            -digits
        } else {
            digits
        };
        let (base, exponent) = suffix(unit).ok_or(ParseQuantityError)?;
        let decimals = fraction.len() as u32;
        let millis = scale(digits, decimals, base, exponent);
        let text = if base == 1024 {
            canonical::binary(millis)
        } else {
            let exponent = exponent.saturating_sub_unsigned(decimals);
            canonical::decimal(
                digits,
                exponent,
                unit.starts_with(['e', 'E']) && unit.len() > 1,
            )
        };
        Ok(Self { text, millis })
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.millis == other.millis
    }
}

impl Eq for Quantity {}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> i64 {
        text.parse::<Quantity>()
            .unwrap_or_else(|_| panic!("`{text}` parses"))
            .millis()
    }

    #[test]
    fn values_are_exact() {
        assert_eq!(millis("500m"), 500);
        assert_eq!(millis("1.5"), 1500);
        assert_eq!(millis(".5"), 500);
        assert_eq!(millis("128Mi"), 128 * 1024 * 1024 * 1000);
        assert_eq!(millis("2e3"), 2_000_000);
        assert_eq!(
            millis("1E"),
            1_000_000_000_000_000_000_000_i128.min(i64::MAX.into()) as i64
        );
        assert_eq!(millis("-1"), -1000);
        assert_eq!(millis("1u"), 1, "below a thousandth rounds up");
    }

    #[test]
    fn texts_are_canonical() {
        for (given, canonical) in [
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("1024Mi", "1Gi"),
            (".5Gi", "512Mi"),
            ("1536Mi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1000", "1k"),
            ("100M", "100M"),
            ("5u", "1m"),
            ("0.1n", "1m"),
            ("1Ei", "1Ei"),
            ("1e3", "1e3"),
            ("1e400", "10e399"),
            ("-1", "-1"),
            ("-", "0"),
            ("0Mi", "0"),
            ("0e5", "0"),
            ("12345678", "12345678"),
        ] {
            let text = given.parse::<Quantity>().unwrap().to_string();
            assert_eq!(text, canonical, "`{given}`");
            let again = text.parse::<Quantity>().unwrap();
            assert_eq!(again.to_string(), canonical, "`{text}` is not stable");
        }
    }

    #[test]
    fn value_rounds_up() {
        assert_eq!("1500m".parse::<Quantity>().unwrap().value(), 2);
        assert_eq!("100M".parse::<Quantity>().unwrap().value(), 100_000_000);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "m", "1.2.3", "1x", "1 Gi", "e3", "1e", "--1", "1K"] {
            assert!(text.parse::<Quantity>().is_err(), "`{text}`");
        }
    }
}
