//! Canonical texts: no fraction, no more zeros than the next larger unit would leave, the family
//! of units that was given. Amounts below a thousandth are rounded up to one, as resources are.

const DECIMAL: [(i32, &str); 8] = [
    (-3, "m"),
    (0, ""),
    (3, "k"),
    (6, "M"),
    (9, "G"),
    (12, "T"),
    (15, "P"),
    (18, "E"),
];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const SMALLEST: i32 = -3;

/// `digits × 10^exponent`; with exponents (`1e3`) or with suffixes (`1k`).
pub(super) fn decimal(digits: i128, exponent: i32, with_exponent: bool) -> String {
    if digits == 0 {
        return "0".to_owned();
    }
    let (mut digits, mut exponent) = rounded_up(digits, exponent);
    while digits % 10 == 0 {
        digits /= 10;
        exponent += 1;
    }
    // Units are three powers apart.
    for _ in 0..exponent.rem_euclid(3) {
        digits = digits.saturating_mul(10);
        exponent -= 1;
    }
    let suffix = DECIMAL.iter().find(|(power, _)| *power == exponent);
    match suffix {
        _ if with_exponent && exponent == 0 => digits.to_string(),
        Some((_, suffix)) if !with_exponent => format!("{digits}{suffix}"),
        _ => format!("{digits}e{exponent}"),
    }
}

/// The same amount without parts below a thousandth, away from zero.
fn rounded_up(digits: i128, exponent: i32) -> (i128, i32) {
    if exponent >= SMALLEST {
        return (digits, exponent);
    }
    let powers = SMALLEST.abs_diff(exponent);
    let divisor = 10_i128.checked_pow(powers).unwrap_or(i128::MAX);
    let away = i128::from(digits % divisor != 0) * digits.signum();
    (digits / divisor + away, SMALLEST)
}

/// An amount that was given in a binary unit, in thousandths.
pub(super) fn binary(millis: i128) -> String {
    const UNIT: i128 = 1024;
    if millis.abs() < UNIT * 1000 {
        return decimal(millis, SMALLEST, false);
    }
    let mut amount = super::div_ceil(millis, 1000);
    let mut suffix = 0;
    while amount % UNIT == 0 && suffix + 1 < BINARY.len() {
        amount /= UNIT;
        suffix += 1;
    }
    format!("{amount}{}", BINARY[suffix])
}
