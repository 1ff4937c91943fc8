//! Validation of a new pod as a whole (spec §10.4).

use super::{
    Violations, container, ephemeral, metadata,
    names::{dns_subdomain, qualified_name},
    network, scheduling,
};
use crate::{NewPod, spec::PodSpec};

/// Checks a new pod whose fields are already typed and defaulted.
///
/// # Errors
/// Every violation found.
pub fn validate(pod: &NewPod) -> Result<(), Violations> {
    let mut v = Violations::default();
    metadata::check(pod, &mut v);
    container::check(&pod.spec, &mut v);
    ephemeral::check(&pod.spec, &mut v);
    network::check(&pod.spec, &mut v);
    scheduling::check(&pod.spec, &mut v);
    for (index, gate) in pod.spec.readiness_gates.iter().enumerate() {
        let path = format!("spec.readinessGates[{index}].conditionType");
        v.form(&path, gate, qualified_name(gate));
    }
    deadline(&pod.spec, &mut v);
    let account = pod.spec.extra.get("serviceAccountName");
    if let Some(account) = account.and_then(|name| name.as_str()) {
        v.form("spec.serviceAccountName", account, dns_subdomain(account));
    }
    v.into_result()
}

fn deadline(spec: &PodSpec, v: &mut Violations) {
    let seconds = spec.active_deadline.map(|limit| limit.as_secs());
    if let Some(seconds) = seconds.filter(|seconds| !(1..=i32::MAX as u64).contains(seconds)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        v.invalid("spec.activeDeadlineSeconds", seconds, detail);
    }
}
