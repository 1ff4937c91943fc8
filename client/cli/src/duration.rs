//! Durations as Go writes them: `300ms`, `5s`, `1h30m`, `-2s`.

use std::time::Duration;

use crate::failure::Failure;

/// A duration that may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// Zero or more.
    Positive(Duration),
    /// Less than zero.
    Negative,
}

/// Reads a duration.
///
/// # Errors
/// When the text is none; `flag` is named in the message.
pub(crate) fn parse(text: &str, flag: &str) -> Result<Signed, Failure> {
    read(text).ok_or_else(|| {
        Failure::error(format!(
            "invalid argument {text:?} for \"{flag}\" flag: time: invalid duration {text:?}"
        ))
    })
}

/// Reads a duration that must not be negative.
///
/// # Errors
/// As [`parse`], and for a negative one.
pub(crate) fn parse_positive(text: &str, flag: &str) -> Result<Duration, Failure> {
    match parse(text, flag)? {
        Signed::Positive(duration) => Ok(duration),
        Signed::Negative => Err(Failure::error(format!("{flag} must be greater than 0"))),
    }
}

fn read(text: &str) -> Option<Signed> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Some(Signed::Positive(Duration::ZERO));
    }
    let mut rest = unsigned;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[end..];
    }
    if unsigned.is_empty() {
        return None;
    }
    Some(if negative {
        Signed::Negative
    } else {
        Signed::Positive(total)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", Duration::ZERO),
            ("5s", Duration::from_secs(5)),
            ("1h30m", Duration::from_secs(5400)),
            ("1.5s", Duration::from_millis(1500)),
            ("300ms", Duration::from_millis(300)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some(Signed::Positive(expected)), "{text}");
        }
        assert_eq!(read("-5s"), Some(Signed::Negative));
        for text in ["", "5", "s", "5x", "-", "1h5"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
