//! Giving up privileges the way the runtime specification orders it.

use std::io;

use lifepod_shim::protocol::ProcessUser;
use rustix::fs::{Gid, Uid};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
        set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};
use serde::{Deserialize, Deserializer};

/// Capability sets of a bundle; absent ones are empty.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Capabilities {
    #[serde(default, deserialize_with = "by_name")]
    bounding: u64,
    #[serde(default, deserialize_with = "by_name")]
    effective: u64,
    #[serde(default, deserialize_with = "by_name")]
    inheritable: u64,
    #[serde(default, deserialize_with = "by_name")]
    permitted: u64,
    #[serde(default, deserialize_with = "by_name")]
    ambient: u64,
}

/// A resource limit of a bundle.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Limit {
    #[serde(rename = "type")]
    kind: String,
    hard: u64,
    soft: u64,
}

/// Bit numbers are positions in this list, as in `linux/capability.h`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let mut bits = 0;
    for name in Vec::<String>::deserialize(deserializer)? {
        let short = name.strip_prefix("CAP_").unwrap_or(&name);
        let Some(bit) = NAMES.iter().position(|known| *known == short) else {
            return Err(serde::de::Error::custom(format!(
                "unknown capability `{name}`"
            )));
        };
        bits |= 1 << bit;
    }
    Ok(bits)
}

/// Becomes the user with the capabilities. Order matters: dropping from the bounding set needs a
/// capability itself, and the change of user clears the effective set.
pub(super) fn become_user(user: &ProcessUser, wanted: &Capabilities) -> io::Result<()> {
    drop_bounding(wanted.bounding)?;
    set_keep_capabilities(true)?;
    let groups: Vec<Gid> = user
        .additional_gids
        .iter()
        .map(|gid| Gid::from_raw(*gid))
        .collect();
    set_thread_groups(&groups)?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    set_keep_capabilities(false)?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::from_bits_retain(wanted.effective),
            permitted: CapabilitySet::from_bits_retain(wanted.permitted),
            inheritable: CapabilitySet::from_bits_retain(wanted.inheritable),
        },
    )?;
    clear_ambient_capability_set()?;
    // The kernel takes no others, and libcontainer leaves them out in silence.
    for bit in bits(wanted.ambient & wanted.permitted & wanted.inheritable) {
        configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(1 << bit), true)?;
    }
    Ok(())
}

fn drop_bounding(keep: u64) -> io::Result<()> {
    for bit in bits(!keep) {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            // Past the last capability of this kernel.
            Err(rustix::io::Errno::INVAL) => break,
            result => result?,
        }
    }
    Ok(())
}

fn bits(set: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |bit| set & (1 << bit) != 0)
}

/// Sets resource limits, each as high as this machine lets us.
pub(super) fn apply_limits(limits: &[Limit]) -> io::Result<()> {
    let may_raise = may_raise_limits();
    for limit in limits {
        let Some(resource) = resource(&limit.kind) else {
            let text = format!("unknown resource limit `{}`", limit.kind);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        setrlimit(
            resource,
            reachable(resource, limit.soft, limit.hard, may_raise),
        )?;
    }
    Ok(())
}

/// Whether this process may lift hard limits. Not everywhere where one is root.
pub(super) fn may_raise_limits() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE))
}

/// The limit itself, or what comes nearest to it.
pub(super) fn reachable(resource: Resource, soft: u64, hard: u64, may_raise: bool) -> Rlimit {
    let known = |value: u64| (value != u64::MAX).then_some(value);
    if may_raise {
        return Rlimit {
            current: known(soft),
            maximum: known(hard),
        };
    }
    let ceiling = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    Rlimit {
        current: known(soft.min(hard).min(ceiling)),
        maximum: known(hard.min(ceiling)),
    }
}

/// By the specification's name.
pub(super) fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "RLIMIT_AS" => Resource::As,
        "RLIMIT_CORE" => Resource::Core,
        "RLIMIT_CPU" => Resource::Cpu,
        "RLIMIT_DATA" => Resource::Data,
        "RLIMIT_FSIZE" => Resource::Fsize,
        "RLIMIT_LOCKS" => Resource::Locks,
        "RLIMIT_MEMLOCK" => Resource::Memlock,
        "RLIMIT_MSGQUEUE" => Resource::Msgqueue,
        "RLIMIT_NICE" => Resource::Nice,
        "RLIMIT_NOFILE" => Resource::Nofile,
        "RLIMIT_NPROC" => Resource::Nproc,
        "RLIMIT_RSS" => Resource::Rss,
        "RLIMIT_RTPRIO" => Resource::Rtprio,
        "RLIMIT_RTTIME" => Resource::Rttime,
        "RLIMIT_SIGPENDING" => Resource::Sigpending,
        "RLIMIT_STACK" => Resource::Stack,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_numbered_as_in_the_kernel() {
        let parsed: Capabilities = serde_json::from_str(
            r#"{"bounding":["CAP_CHOWN","CAP_MKNOD","CAP_CHECKPOINT_RESTORE"]}"#,
        )
        .unwrap();
        assert_eq!(parsed.bounding, 1 | 1 << 27 | 1 << 40);
        assert_eq!(
            CapabilitySet::SYS_RESOURCE.bits(),
            1 << NAMES.iter().position(|n| *n == "SYS_RESOURCE").unwrap()
        );
        assert!(serde_json::from_str::<Capabilities>(r#"{"bounding":["CAP_FLY"]}"#).is_err());
    }

    #[test]
    fn a_limit_out_of_reach_becomes_the_nearest_one() {
        let ceiling = getrlimit(Resource::Nofile).maximum.unwrap();
        let limit = reachable(Resource::Nofile, ceiling + 2, ceiling + 2, false);
        assert_eq!(
            (limit.current, limit.maximum),
            (Some(ceiling), Some(ceiling))
        );
    }
}
