//! Times as Kubernetes writes them.

use jiff::Timestamp as Instant;
use prost_types::Timestamp;

/// The present time.
#[must_use]
pub fn now() -> Timestamp {
    from_instant(Instant::now())
}

/// RFC 3339 in UTC with second precision, as in Kubernetes objects; empty for a time that cannot be written.
#[must_use]
pub fn format_seconds(time: &Timestamp) -> String {
    let whole = Instant::from_second(time.seconds);
    whole.map(|instant| instant.to_string()).unwrap_or_default()
}

/// RFC 3339 in UTC with microsecond precision, as in Kubernetes events.
#[must_use]
pub fn format_micros(time: &Timestamp) -> String {
    to_instant(time)
        .map(|instant| format!("{instant:.6}"))
        .unwrap_or_default()
}

/// Reads RFC 3339; `None` when the text is none.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse::<Instant>().ok().map(from_instant)
}

/// As an instant; `None` when it lies outside the years -9999 to 9999.
#[must_use]
pub fn to_instant(time: &Timestamp) -> Option<Instant> {
    Instant::new(time.seconds, time.nanos).ok()
}

/// From an instant.
#[must_use]
pub fn from_instant(instant: Instant) -> Timestamp {
    let nanos = instant.subsec_nanosecond();
    // A timestamp's nanoseconds count forwards, an instant's toward zero.
    let borrow = i64::from(nanos < 0);
    Timestamp {
        seconds: instant.as_second() - borrow,
        nanos: nanos + i32::try_from(borrow).unwrap_or(0) * 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_reading_and_writing() {
        for text in [
            "2026-11-22T10:30:50Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(format_seconds(&parse(text).unwrap()), text);
        }
        let half = parse("1969-12-31T23:59:59.5Z").unwrap();
        assert_eq!((half.seconds, half.nanos), (-1, 500_000_000));
        assert_eq!(format_seconds(&half), "1969-12-31T23:59:59Z");
        assert_eq!(format_micros(&half), "1969-12-31T23:59:59.500000Z");
        assert_eq!(parse("yesterday"), None);
    }
}
