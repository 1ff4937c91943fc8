//! How values and tables are written, as kubectl writes them.

pub mod age;
pub mod quantity;
pub mod tabs;

use jiff::{Timestamp, tz::TimeZone};

/// The time a text is written at, and the zone its times are told in.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The present time.
    pub now: Timestamp,
    /// The zone for times that are told in full.
    pub zone: TimeZone,
}

impl Clock {
    /// The clock and zone of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self {
            now: Timestamp::now(),
            zone: TimeZone::system(),
        }
    }

    /// How long ago a time was; `<unknown>` for none.
    #[must_use]
    pub fn since(&self, time: Option<&prost_types::Timestamp>) -> String {
        let instant = time.and_then(lifepod_client::time::to_instant);
        instant.map_or_else(
            || "<unknown>".to_owned(),
            |instant| age::human(self.now.as_millisecond() - instant.as_millisecond()),
        )
    }

    /// A time in full: `Sun, 22 Nov 2026 10:25:50 +0000`.
    #[must_use]
    pub fn full(&self, time: Option<&prost_types::Timestamp>) -> String {
        // Go's zero time, for want of one.
        let instant = time
            .and_then(lifepod_client::time::to_instant)
            .unwrap_or_else(|| Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN));
        let zoned = instant.to_zoned(self.zone.clone());
        zoned.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
    }
}

/// The text, or `<none>` when it is empty.
#[must_use]
pub fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}
