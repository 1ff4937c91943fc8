//! OCI resources as v1 control files.

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};

use super::{
    LimitError, devices,
    settings::{Setting, refuse_unknown},
};

/// In the order in which the kernel accepts them.
pub(crate) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>, LimitError> {
    refuse_unknown(resources)?;
    if resources
        .unified()
        .as_ref()
        .is_some_and(|unified| !unified.is_empty())
    {
        return Err(LimitError::Unsupported(
            "unified (this machine has cgroup v1)".to_owned(),
        ));
    }
    let mut all = Vec::new();
    if let Some(rules) = resources.devices() {
        for rule in devices::with_defaults(rules) {
            let file = if rule.allow {
                "devices.allow"
            } else {
                "devices.deny"
            };
            all.push(Setting::now("devices", file, rule));
        }
    }
    if let Some(limit) = resources.memory() {
        memory(limit, &mut all);
    }
    if let Some(limit) = resources.cpu() {
        cpu(limit, &mut all);
    }
    if let Some(pids) = resources.pids() {
        let value = if pids.limit() > 0 {
            pids.limit().to_string()
        } else {
            "max".to_owned()
        };
        all.push(Setting::late("pids", "pids.max", value));
    }
    for huge in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", huge.page_size());
        all.push(Setting::now("hugetlb", file, huge.limit()));
    }
    Ok(all)
}

fn memory(memory: &LinuxMemory, all: &mut Vec<Setting>) {
    if let Some(limit) = memory.limit() {
        all.push(Setting::now("memory", "memory.limit_in_bytes", limit));
    }
    if let Some(swap) = memory.swap() {
        // Without swap accounting there is no file; a limit that forbids swap is then kept by luck
        // only, as with every other runtime.
        all.push(Setting::now("memory", "memory.memsw.limit_in_bytes", swap).optional());
    }
    if let Some(reservation) = memory.reservation() {
        all.push(Setting::now(
            "memory",
            "memory.soft_limit_in_bytes",
            reservation,
        ));
    }
    if let Some(swappiness) = memory.swappiness() {
        all.push(Setting::now("memory", "memory.swappiness", swappiness));
    }
}

fn cpu(cpu: &LinuxCpu, all: &mut Vec<Setting>) {
    if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
        all.push(Setting::now("cpu", "cpu.shares", shares));
    }
    if let Some(period) = cpu.period().filter(|period| *period > 0) {
        all.push(Setting::now("cpu", "cpu.cfs_period_us", period));
    }
    if let Some(quota) = cpu.quota().filter(|quota| *quota != 0) {
        all.push(Setting::late("cpu", "cpu.cfs_quota_us", quota));
    }
    if let Some(cpus) = cpu.cpus() {
        all.push(Setting::now("cpuset", "cpuset.cpus", cpus));
    }
    if let Some(mems) = cpu.mems() {
        all.push(Setting::now("cpuset", "cpuset.mems", mems));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::settings::When;

    fn parse(json: &str) -> LinuxResources {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn limits_become_v1_files_in_order() {
        let resources = parse(
            r#"{"memory":{"limit":100,"swap":100},"cpu":{"shares":512,"quota":5000,"period":100000,"cpus":"0"},
                "pids":{"limit":32}}"#,
        );
        let all = settings(&resources).unwrap();
        let files: Vec<_> = all
            .iter()
            .map(|s| (s.file.as_str(), s.value.as_str(), s.when))
            .collect();
        assert_eq!(
            files,
            [
                ("memory.limit_in_bytes", "100", When::Now),
                ("memory.memsw.limit_in_bytes", "100", When::Now),
                ("cpu.shares", "512", When::Now),
                ("cpu.cfs_period_us", "100000", When::Now),
                ("cpu.cfs_quota_us", "5000", When::BeforeStart),
                ("cpuset.cpus", "0", When::Now),
                ("pids.max", "32", When::BeforeStart),
            ]
        );
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let error = settings(&parse(r#"{"blockIO":{"weight":10}}"#)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "resource limit `blockIO` is not supported"
        );
        assert!(settings(&parse(r#"{"unified":{"memory.high":"1"}}"#)).is_err());
    }
}
