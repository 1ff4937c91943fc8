//! Hooks and probes (spec §5, §6).

use super::{Violations, names::port_name};
use crate::spec::{ContainerSpec, Handler, HttpGet, PodSpec, PortRef, Probe};

const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

/// What may follow from a probe's result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A failure restarts the container; success needs no repetition.
    Restarts,
    /// Only readiness hangs on it.
    Ready,
}

pub(super) fn check(path: &str, container: &ContainerSpec, spec: &PodSpec, v: &mut Violations) {
    let hooks = [
        ("postStart", &container.lifecycle.post_start),
        ("preStop", &container.lifecycle.pre_stop),
    ];
    let grace = spec.termination_grace_period.as_secs();
    for (name, hook) in hooks {
        if let Some(hook) = hook {
            handler(&format!("{path}.lifecycle.{name}"), hook, grace, v);
        }
    }
    let probes = [
        ("livenessProbe", &container.liveness_probe, Role::Restarts),
        ("readinessProbe", &container.readiness_probe, Role::Ready),
        ("startupProbe", &container.startup_probe, Role::Restarts),
    ];
    for (name, probe, role) in probes {
        if let Some(probe) = probe {
            check_probe(&format!("{path}.{name}"), probe, role, grace, v);
        }
    }
}

fn check_probe(path: &str, probe: &Probe, role: Role, grace: u64, v: &mut Violations) {
    handler(path, &probe.handler, grace, v);
    if role == Role::Restarts && probe.success_threshold != 1 {
        let path = format!("{path}.successThreshold");
        v.invalid(path, probe.success_threshold, "must be 1");
    }
    let Some(grace) = probe.termination_grace_period else {
        return;
    };
    let path = format!("{path}.terminationGracePeriodSeconds");
    if role == Role::Ready {
        v.invalid(path, grace.as_secs(), "must not be set for readinessProbes");
    } else if grace.is_zero() {
        v.invalid(path, 0, "must be greater than 0");
    }
}

fn handler(path: &str, handler: &Handler, grace: u64, v: &mut Violations) {
    match handler {
        Handler::Exec { command } if command.is_empty() => {
            v.required(format!("{path}.exec.command"), "");
        }
        Handler::Exec { .. } => {}
        Handler::HttpGet(get) => http_get(&format!("{path}.httpGet"), get, v),
        Handler::TcpSocket { port, .. } => port_ref(&format!("{path}.tcpSocket.port"), port, v),
        Handler::Grpc { port, .. } => {
            port_ref(&format!("{path}.grpc.port"), &PortRef::Number(*port), v);
        }
        Handler::Sleep { seconds } if *seconds > grace => {
            let detail = format!(
                "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            );
            v.invalid(format!("{path}.sleep"), seconds, &detail);
        }
        Handler::Sleep { .. } => {}
    }
}

fn http_get(path: &str, get: &HttpGet, v: &mut Violations) {
    if get.path.is_empty() {
        v.required(format!("{path}.path"), "");
    }
    port_ref(&format!("{path}.port"), &get.port, v);
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    for (index, (name, _)) in get.headers.iter().enumerate() {
        if !plain(name) {
            v.invalid(format!("{path}.httpHeaders[{index}].name"), name, HEADER);
        }
    }
}

fn port_ref(path: &str, port: &PortRef, v: &mut Violations) {
    match port {
        PortRef::Number(0) => v.invalid(path, 0, "must be between 1 and 65535, inclusive"),
        PortRef::Number(_) => {}
        PortRef::Name(name) => v.form(path, name, port_name(name)),
    }
}
