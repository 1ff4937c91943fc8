//! What an operator may set of the rules; the same for every pod of a node.

use std::time::Duration;

use crate::backoff;

/// Settings of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest delay between restarts of one container (`crashLoopBackOff.maxContainerRestartPeriod`
    /// of the kubelet). Also bounds the first delay.
    pub max_restart_delay: Duration,
    /// How long the runtime or a pod's shim may be out of reach before the phase is Unknown.
    pub contact_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_restart_delay: backoff::MAX,
            contact_limit: Duration::from_secs(40),
        }
    }
}
