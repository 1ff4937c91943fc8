//! Which of a multi-platform image's variants runs on this machine.

use std::fmt;

use serde::Deserialize;

/// Operating system and processor in the words of the OCI specification (Go's words).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    /// This machine.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", Some("v8".to_owned())),
            "arm" => ("arm", Some(arm_variant())),
            "powerpc64" if cfg!(target_endian = "little") => ("ppc64le", None),
            "powerpc64" => ("ppc64", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant,
        }
    }

    /// How well `offered` runs on this machine: higher is better, `None` is not at all.
    pub(crate) fn rank(&self, offered: &Self) -> Option<u32> {
        if offered.os != self.os || offered.architecture != self.architecture {
            return None;
        }
        let level = |platform: &Self| match platform.variant.as_deref().filter(|v| !v.is_empty()) {
            Some(variant) => variant.strip_prefix('v')?.parse().ok(),
            None => Some(default_level(&platform.architecture)),
        };
        let (ours, theirs) = (level(self)?, level(offered)?);
        (theirs <= ours).then_some(theirs)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

/// The variant that "no variant" means.
fn default_level(architecture: &str) -> u32 {
    match architecture {
        "arm" => 7,
        "arm64" => 8,
        _ => 1,
    }
}

/// The kernel knows which ARM this is; the compiler only knows the least it must be.
fn arm_variant() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let level = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "CPU architecture")
        .and_then(|(_, value)| value.trim().parse::<u32>().ok())
        .unwrap_or(7);
    format!("v{level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(architecture: &str, variant: Option<&str>) -> Platform {
        Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    #[test]
    fn newest_arm_variant_the_machine_can_run_wins() {
        let v7 = platform("arm", Some("v7"));
        let rank = |variant| v7.rank(&platform("arm", variant));
        assert!(rank(Some("v7")) > rank(Some("v6")));
        assert!(rank(Some("v6")) > rank(Some("v5")));
        assert_eq!(rank(None), rank(Some("v7")));
        assert_eq!(rank(Some("v8")), None);
        assert_eq!(v7.rank(&platform("arm64", None)), None);
    }

    #[test]
    fn a_newer_microarchitecture_is_no_match() {
        let amd64 = platform("amd64", None);
        assert!(amd64.rank(&platform("amd64", None)).is_some());
        assert!(amd64.rank(&platform("amd64", Some("v1"))).is_some());
        assert_eq!(amd64.rank(&platform("amd64", Some("v3"))), None);
        let arm64 = platform("arm64", Some("v8"));
        assert_eq!(arm64.rank(&platform("arm64", None)), Some(8));
    }
}
