//! Ages, short enough for a column: `5s`, `3m20s`, `4h31m`, `2d3h`, `365d`, `9y`.

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY_HOURS: i64 = 24;
const YEAR_HOURS: i64 = 365 * DAY_HOURS;

/// Writes an age given in milliseconds. A clock that is less than two seconds behind is forgiven.
#[must_use]
pub fn human(milliseconds: i64) -> String {
    let seconds = milliseconds / SECOND;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    if seconds < 0 {
        return "0s".to_owned();
    }
    if seconds < 120 {
        return format!("{seconds}s");
    }
    let minutes = milliseconds / MINUTE;
    if minutes < 10 {
        return two(minutes, "m", seconds % 60, "s");
    }
    if minutes < 180 {
        return format!("{minutes}m");
    }
    let hours = milliseconds / HOUR;
    if hours < 8 {
        return two(hours, "h", minutes % 60, "m");
    }
    if hours < 48 {
        return format!("{hours}h");
    }
    let days = hours / DAY_HOURS;
    if hours < 8 * DAY_HOURS {
        return two(days, "d", hours % DAY_HOURS, "h");
    }
    if hours < 2 * YEAR_HOURS {
        return format!("{days}d");
    }
    let years = hours / YEAR_HOURS;
    if hours < 8 * YEAR_HOURS {
        return two(years, "y", days % 365, "d");
    }
    format!("{years}y")
}

/// Two units, the second only when it is not zero.
fn two(first: i64, first_unit: &str, second: i64, second_unit: &str) -> String {
    if second == 0 {
        format!("{first}{first_unit}")
    } else {
        format!("{first}{first_unit}{second}{second_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_get_coarser_with_time() {
        let cases = [
            (-5, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (16_260, "4h31m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (183_600, "2d3h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human(seconds * 1000), expected, "{seconds}");
        }
        assert_eq!(human(-1_999), "0s");
        assert_eq!(human(-2_000), "<invalid>");
    }
}
