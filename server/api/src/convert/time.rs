//! Points in time and durations on the wire.

use std::time::Duration;

use lifepod_lifecycle::time::Timestamp;
use prost_types as wire;

/// Full precision.
pub(crate) fn exact(at: Timestamp) -> wire::Timestamp {
    wire::Timestamp {
        seconds: at.as_secs(),
        nanos: i32::try_from(at.subsec_nanos()).unwrap_or(0),
    }
}

/// Second precision, as Kubernetes shows most times.
pub(crate) fn seconds(at: Timestamp) -> wire::Timestamp {
    wire::Timestamp {
        seconds: at.as_secs(),
        nanos: 0,
    }
}

/// A point in time that a client sent.
pub(crate) fn from_wire(at: &wire::Timestamp) -> Timestamp {
    let nanos = at.seconds.saturating_mul(1_000_000_000);
    Timestamp(nanos.saturating_add(i64::from(at.nanos)))
}

pub(crate) fn duration(duration: Duration) -> wire::Duration {
    wire::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A duration that a client sent; none if it is negative or malformed.
pub(crate) fn duration_from(duration: &wire::Duration) -> Option<Duration> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u32::try_from(duration.nanos).ok()?;
    (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
}

/// Now, by the wall clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_there_and_back() {
        let at = Timestamp(1_700_000_000_123_456_789);
        assert_eq!(from_wire(&exact(at)), at);
        assert_eq!(seconds(at).nanos, 0);
        assert_eq!(from_wire(&exact(Timestamp(-1))), Timestamp(-1));
    }

    #[test]
    fn negative_and_malformed_durations_are_none() {
        let wire = |seconds, nanos| wire::Duration { seconds, nanos };
        assert_eq!(duration_from(&wire(1, 5)), Some(Duration::new(1, 5)));
        for bad in [wire(-1, 0), wire(0, -1), wire(0, 1_000_000_000)] {
            assert_eq!(duration_from(&bad), None);
        }
    }
}
