//! The image config: what an image says about how to run it, and which layers it is made of.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};

use super::digest::Digest;
use super::error::ImageError;
use super::platform::Platform;

/// The run-time part of an image config, with absent and `null` fields empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    #[serde(deserialize_with = "null_as_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub cmd: Vec<String>,
    /// `NAME=value` entries in order.
    #[serde(deserialize_with = "null_as_default")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub working_dir: String,
    /// `user[:group]`, by name or number; see `snapshot::user::resolve`.
    #[serde(deserialize_with = "null_as_default")]
    pub user: String,
    /// A signal name or number such as `SIGQUIT`; empty means SIGTERM.
    #[serde(deserialize_with = "null_as_default")]
    pub stop_signal: String,
    /// Keys such as `80/tcp`.
    #[serde(deserialize_with = "keys")]
    pub exposed_ports: Vec<String>,
    /// Paths the image wants as volumes.
    #[serde(deserialize_with = "keys")]
    pub volumes: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
}

/// An image config document.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    pub(crate) run: ImageConfig,
    pub(crate) platform: Platform,
    pub(crate) created: Option<SystemTime>,
    pub(crate) diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(flatten)]
    platform: Platform,
    #[serde(default, deserialize_with = "null_as_default")]
    created: String,
    #[serde(default, deserialize_with = "null_as_default")]
    config: ImageConfig,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "null_as_default")]
    diff_ids: Vec<Digest>,
}

impl ConfigFile {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|error| ImageError::malformed("image config", error))?;
        Ok(Self {
            run: raw.config,
            platform: raw.platform,
            created: parse_rfc3339(&raw.created),
            diff_ids: raw.rootfs.diff_ids,
        })
    }

    /// Refuses an image made for another machine; images that say nothing are believed.
    pub(crate) fn check_platform(&self, host: &Platform) -> Result<(), ImageError> {
        let offered = &self.platform;
        if offered.architecture.is_empty() || host.rank(offered).is_some() {
            return Ok(());
        }
        Err(ImageError::unsupported(format!(
            "it is made for {offered}, this machine is {host}"
        )))
    }
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Go writes a set as a map to empty objects.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let set: Option<BTreeMap<String, serde::de::IgnoredAny>> = Option::deserialize(deserializer)?;
    Ok(set.unwrap_or_default().into_keys().collect())
}

/// `2024-05-01T12:34:56.789Z` or with an offset; `None` for anything else, since this is only shown.
fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let nanos = match rest[..zone_at].strip_prefix('.') {
        Some(digits) => format!("{digits:0<9}").get(..9)?.parse::<u32>().ok()?,
        None => 0,
    };
    let zone = &rest[zone_at..];
    let offset = match zone.split_at(1) {
        ("Z" | "z", _) => 0,
        (sign, hhmm) => {
            let (hours, minutes) = hhmm.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let days = days_since_epoch(year, month, day)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    let since_epoch = Duration::new(u64::try_from(seconds).ok()?, nanos);
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant's `days_from_civil`).
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_docker_config_with_nulls() {
        let json =
            br#"{"architecture":"amd64","os":"linux","created":"2024-05-01T12:34:56.5+02:00",
            "config":{"Entrypoint":null,"Cmd":["sh"],"Env":["A=1"],"ExposedPorts":{"80/tcp":{}},
            "Volumes":null,"User":"www","StopSignal":"SIGQUIT","WorkingDir":"/w","Labels":null,
            "Healthcheck":{"Test":["x"]}},
            "rootfs":{"type":"layers","diff_ids":null},"history":[]}"#;
        let config = ConfigFile::parse(json).unwrap();
        assert_eq!(config.run.cmd, ["sh"]);
        assert_eq!(config.run.exposed_ports, ["80/tcp"]);
        assert_eq!(config.run.user, "www");
        assert!(config.run.entrypoint.is_empty() && config.run.volumes.is_empty());
        let created = config.created.unwrap();
        let since = created.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since, Duration::new(1_714_559_696, 500_000_000));
    }

    #[test]
    fn a_config_without_rootfs_is_malformed() {
        assert!(matches!(
            ConfigFile::parse(br#"{"architecture":"amd64","os":"linux"}"#),
            Err(ImageError::Malformed { .. })
        ));
    }

    #[test]
    fn dates_that_are_no_dates_are_left_out() {
        for text in [
            "",
            "now",
            "2024-13-01T00:00:00Z",
            "2024-01-01",
            "0001-01-01T00:00:00Z",
            "é",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        assert_eq!(
            parse_rfc3339("1970-01-01T00:00:00Z"),
            Some(SystemTime::UNIX_EPOCH)
        );
    }
}
