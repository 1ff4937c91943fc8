//! The pod's own fields.

use std::time::Duration;

use lifepod_lifecycle::{
    spec::{PodSpec, RestartPolicy},
    validate::{Violations, name},
};
use lifepod_proto::v1 as proto;

use super::{NOT_YET, container, dns, ephemeral_containers, refused};
use crate::convert::extra;

/// Default grace period in seconds.
const GRACE_SECONDS: u64 = 30;
const MAX_DEADLINE: i64 = i32::MAX as i64;
const DEADLINE_RANGE: &str = "must be between 1 and 2147483647, inclusive";

/// Converts and defaults a specification. What cannot be converted is left at its default and
/// recorded as a violation.
pub(crate) fn pod_spec(
    spec: &proto::PodSpec,
    node: &str,
    v: &mut Violations,
    warnings: &mut Vec<proto::Warning>,
) -> PodSpec {
    refused::pod_fields(spec, v);
    node_name(spec, node, v);
    match spec.os.as_ref().map(|os| os.name.as_str()) {
        None | Some("linux") => {}
        Some("windows") => v.not_served("spec.os.name"),
        Some(name) => v.not_supported("spec.os", name, &["linux", "windows"]),
    }
    let host_network = spec.host_network;
    let init = spec.init_containers.iter().enumerate();
    let regular = spec.containers.iter().enumerate();
    PodSpec {
        init_containers: init
            .map(|(i, c)| {
                container::convert(&format!("spec.initContainers[{i}]"), c, host_network, v)
            })
            .collect(),
        containers: regular
            .map(|(i, c)| container::convert(&format!("spec.containers[{i}]"), c, host_network, v))
            .collect(),
        ephemeral_containers: ephemeral_containers(spec, host_network, v),
        restart_policy: restart_policy("spec.restartPolicy", spec.restart_policy, v)
            .unwrap_or_default(),
        termination_grace_period: grace(spec, warnings),
        active_deadline: active_deadline(spec, v),
        host_network,
        hostname: filled(&spec.hostname),
        subdomain: filled(&spec.subdomain),
        host_aliases: dns::host_aliases(spec),
        dns_policy: dns::policy(spec, v),
        dns_config: dns::config(spec, v),
        readiness_gates: spec
            .readiness_gates
            .iter()
            .map(|gate| gate.condition_type.clone())
            .collect(),
        extra: extra::keep(spec, warnings),
    }
}

/// There is one node: a pod for another one would never run.
fn node_name(spec: &proto::PodSpec, node: &str, v: &mut Violations) {
    const FIELD: &str = "spec.nodeName";
    let wanted = spec.node_name.as_str();
    if wanted.is_empty() {
        return;
    }
    let errors = name::subdomain(wanted);
    if errors.is_empty() && wanted != node {
        v.not_served(FIELD);
    }
    v.form(FIELD, wanted, errors);
    if !spec.scheduling_gates.is_empty() {
        v.forbidden(
            FIELD,
            "cannot be set until all schedulingGates have been cleared",
        );
    }
}

/// A text, if there is one.
pub(super) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A restart policy; none if it was not given.
pub(super) fn restart_policy(path: &str, value: i32, v: &mut Violations) -> Option<RestartPolicy> {
    match proto::RestartPolicy::try_from(value) {
        Ok(proto::RestartPolicy::Unspecified) => None,
        Ok(proto::RestartPolicy::Always) => Some(RestartPolicy::Always),
        Ok(proto::RestartPolicy::OnFailure) => Some(RestartPolicy::OnFailure),
        Ok(proto::RestartPolicy::Never) => Some(RestartPolicy::Never),
        Err(_) => {
            v.not_supported(path, value, &["Always", "Never", "OnFailure"]);
            None
        }
    }
}

fn grace(spec: &proto::PodSpec, warnings: &mut Vec<proto::Warning>) -> Duration {
    let Some(given) = spec.termination_grace_period_seconds else {
        return Duration::from_secs(GRACE_SECONDS);
    };
    if given < 0 {
        warnings.push(proto::Warning {
            field: "spec.terminationGracePeriodSeconds".to_owned(),
            message: "must be >= 0; negative values are invalid and will be treated as 1"
                .to_owned(),
        });
    }
    Duration::from_secs(u64::try_from(given).unwrap_or(1))
}

fn active_deadline(spec: &proto::PodSpec, v: &mut Violations) -> Option<Duration> {
    let given = spec.active_deadline_seconds?;
    if !(1..=MAX_DEADLINE).contains(&given) {
        v.invalid("spec.activeDeadlineSeconds", given, DEADLINE_RANGE);
        return None;
    }
    u64::try_from(given).ok().map(Duration::from_secs)
}

/// Records a field that is refused when set.
pub(super) fn refuse(set: bool, path: &str, v: &mut Violations) {
    if set {
        v.forbidden(path, NOT_YET);
    }
}

/// Records a list that is too long.
pub(super) fn bound(path: &str, count: usize, limit: usize, v: &mut Violations) {
    if count > limit {
        v.too_many(path, count, limit);
    }
}
