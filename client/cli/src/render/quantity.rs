//! What Kubernetes quantities amount to, as far as a description needs to know.

/// Billionths, so that `1n` is still a whole number.
const NANO: i128 = 1_000_000_000;

/// A quantity in billionths, rounded up; `None` for what is none.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let (numerator, denominator) = factor(suffix)?;
    let scaled = mantissa.checked_mul(numerator)?;
    let value = ceil(scaled, scale.checked_mul(denominator)?);
    Some(if negative { -value } else { value })
}

/// What one unit of a suffix is in billionths, as a fraction.
fn factor(suffix: &str) -> Option<(i128, i128)> {
    let binary = |power: u32| Some((NANO.checked_mul(1024i128.checked_pow(power)?)?, 1));
    let decimal = |exponent: i32| {
        let exponent = exponent + 9;
        let power = 10i128.checked_pow(exponent.unsigned_abs())?;
        Some(if exponent < 0 { (1, power) } else { (power, 1) })
    };
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => decimal(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

fn ceil(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor) + i128::from(value.rem_euclid(divisor) != 0)
}

/// How often a unit fits into a quantity, rounded up.
#[must_use]
pub fn divide(quantity: &str, unit: &str) -> Option<i128> {
    let unit = match parse(unit) {
        Some(0) | None => NANO,
        Some(unit) => unit,
    };
    Some(ceil(parse(quantity)?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_amount_to_what_they_say() {
        let cases = [
            ("1", NANO),
            ("500m", NANO / 2),
            ("1.5", NANO * 3 / 2),
            ("1Ki", 1024 * NANO),
            ("2e3", 2000 * NANO),
            ("100n", 100),
            ("-1k", -1000 * NANO),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("x"), None);
        assert_eq!(divide("500m", "1"), Some(1));
        assert_eq!(divide("500m", "1m"), Some(500));
        assert_eq!(divide("128Mi", "1Mi"), Some(128));
        assert_eq!(divide("64Mi", "0"), Some(64 << 20));
    }
}
