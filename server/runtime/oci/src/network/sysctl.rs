//! Kernel settings that pod networking needs.

use super::error::NetworkError;
use std::fs;

/// Lets the kernel route between pods and the world. It is one switch for the whole machine and
/// is left on when networking is removed, because others may have come to rely on it.
pub(super) fn enable_forwarding() -> Result<(), NetworkError> {
    ensure_on("net/ipv4/ip_forward")
}

/// Lets `127.0.0.1:<hostPort>` be routed to the bridge.
pub(super) fn enable_loopback_routing(bridge: &str) -> Result<(), NetworkError> {
    ensure_on(&format!("net/ipv4/conf/{bridge}/route_localnet"))
}

/// Writes only where needed: `/proc/sys` may be read-only where the setting is already right.
fn ensure_on(setting: &str) -> Result<(), NetworkError> {
    let path = format!("/proc/sys/{setting}");
    let failed = |source| NetworkError::Sysctl {
        setting: setting.to_owned(),
        source,
    };
    if fs::read_to_string(&path).map_err(failed)?.trim() == "1" {
        return Ok(());
    }
    fs::write(&path, "1").map_err(failed)
}
