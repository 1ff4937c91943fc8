//! OCI resources as v2 control files. The conversions are those of the runtime specification.

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::{
    LimitError,
    settings::{Setting, refuse_unknown},
};

/// In the order in which the kernel accepts them. Device rules are a program, see [`super::bpf`].
pub(crate) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, LimitError> {
    refuse_unknown(resources)?;
    let mut all = Vec::new();
    if let Some(limit) = resources.memory() {
        memory(limit, &mut all)?;
    }
    if let Some(limit) = resources.cpu() {
        cpu(limit, &mut all);
    }
    if let Some(pids) = resources.pids() {
        all.push(Setting::late("pids", "pids.max", or_max(pids.limit())));
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        all.push(Setting::now(
            "hugetlb",
            format!("hugetlb.{}.max", huge.page_size()),
            huge.limit(),
        ));
    }
    let unified = resources.unified().iter().flatten();
    let mut unified: Vec<_> = unified.collect();
    unified.sort();
    for (file, value) in unified {
        if file.contains('/') {
            return Err(LimitError::Unsupported(format!("unified.{file}")));
        }
        all.push(Setting::now("", file, value));
    }
    Ok(all)
}

fn memory(memory: &LinuxMemory, all: &mut Vec<Setting>) -> Result<(), LimitError> {
    if memory.swappiness().is_some() {
        return Err(LimitError::Unsupported(
            "memory.swappiness (this machine has cgroup v2)".to_owned(),
        ));
    }
    if let Some(limit) = memory.limit() {
        all.push(Setting::now("memory", "memory.max", or_max(limit)));
    }
    if let Some(total) = memory.swap() {
        // OCI counts memory and swap together, v2 swap alone.
        let swap = match memory.limit() {
            Some(limit) if limit > 0 && total > 0 => total.saturating_sub(limit).max(0),
            _ => total,
        };
        let value = if total > 0 {
            swap.to_string()
        } else {
            or_max(total)
        };
        all.push(Setting::now("memory", "memory.swap.max", value).optional());
    }
    if let Some(reservation) = memory.reservation() {
        all.push(Setting::now("memory", "memory.low", or_max(reservation)));
    }
    Ok(())
}

fn cpu(cpu: &LinuxCpu, all: &mut Vec<Setting>) {
    if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
        all.push(Setting::now("cpu", "cpu.weight", weight(shares)));
    }
    let period = cpu.period().filter(|period| *period > 0);
    if cpu.quota().is_some() || period.is_some() {
        let quota = or_max(cpu.quota().unwrap_or(-1));
        all.push(Setting::late(
            "cpu",
            "cpu.max",
            format!("{quota} {}", period.unwrap_or(100_000)),
        ));
    }
    if let Some(cpus) = cpu.cpus() {
        all.push(Setting::now("cpuset", "cpuset.cpus", cpus));
    }
    if let Some(mems) = cpu.mems() {
        all.push(Setting::now("cpuset", "cpuset.mems", mems));
    }
}

/// From 2..=262144 to 1..=10000.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

fn or_max(value: i64) -> String {
    if value > 0 {
        value.to_string()
    } else {
        "max".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(json: &str) -> Vec<(String, String)> {
        let resources = serde_json::from_str(json).unwrap();
        settings(&resources)
            .unwrap()
            .into_iter()
            .map(|s| (s.file, s.value))
            .collect()
    }

    #[test]
    fn limits_become_v2_files() {
        let json = r#"{"memory":{"limit":100,"swap":150,"reservation":50},"cpu":{"shares":1024,"quota":5000},
            "pids":{"limit":-1},"unified":{"memory.oom.group":"1"}}"#;
        let expected = [
            ("memory.max", "100"),
            ("memory.swap.max", "50"),
            ("memory.low", "50"),
            ("cpu.weight", "39"),
            ("cpu.max", "5000 100000"),
            ("pids.max", "max"),
            ("memory.oom.group", "1"),
        ];
        assert_eq!(
            files(json),
            expected.map(|(f, v)| (f.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn shares_span_the_whole_range_of_weights() {
        assert_eq!(
            (weight(0), weight(2), weight(262_144), weight(u64::MAX)),
            (1, 1, 10_000, 10_000)
        );
    }

    #[test]
    fn a_unified_key_cannot_leave_the_cgroup() {
        let resources = serde_json::from_str(r#"{"unified":{"../x":"1"}}"#).unwrap();
        assert!(settings(&resources).is_err());
    }
}
