//! Containers and their state.

use std::collections::BTreeMap;

use lifepod_client::{
    Word,
    proto::{self, container_state::State},
};

use super::{environment, probe, writer::Writer};
use crate::render::{Clock, or_none};

/// Containers of one kind, with what is known of them.
pub(super) struct Described<'a> {
    pub(super) pod: &'a proto::Pod,
    pub(super) containers: Vec<&'a proto::Container>,
    pub(super) statuses: &'a [proto::ContainerStatus],
    pub(super) clock: &'a Clock,
}

pub(super) fn list(title: &str, described: &Described<'_>, out: &mut Writer) {
    let none = if described.containers.is_empty() {
        " <none>"
    } else {
        ""
    };
    out.line(0, format!("{title}:{none}"));
    for container in &described.containers {
        let status = described
            .statuses
            .iter()
            .find(|status| status.name == container.name);
        describe(container, status, described, out);
    }
}

fn describe(
    container: &proto::Container,
    status: Option<&proto::ContainerStatus>,
    described: &Described<'_>,
    out: &mut Writer,
) {
    basics(container, status, out);
    words("Command", &container.command, out);
    words("Args", &container.args, out);
    if let Some(status) = status {
        state("State", status.state.as_ref(), described.clock, out);
        let last = status.last_state.as_ref();
        if matches!(
            last.and_then(|last| last.state.as_ref()),
            Some(State::Terminated(_))
        ) {
            state("Last State", last, described.clock, out);
        }
        out.field(2, "Ready", if status.ready { "True" } else { "False" });
        out.field(2, "Restart Count", status.restart_count.to_string());
    }
    if let Some(amounts) = &container.resources {
        resources(amounts, 2, out);
    }
    probes(container, out);
    environment::describe(container, described.pod, out);
    mounts(container, out);
}

fn basics(container: &proto::Container, status: Option<&proto::ContainerStatus>, out: &mut Writer) {
    out.line(1, format!("{}:", container.name));
    if let Some(status) = status {
        out.field(2, "Container ID", &status.container_id);
    }
    out.field(2, "Image", &container.image);
    if let Some(status) = status {
        out.field(2, "Image ID", &status.image_id);
    }
    ports("Port", &container.ports, |port| port.container_port, out);
    ports("Host Port", &container.ports, |port| port.host_port, out);
    let context = container.security_context.as_ref();
    if let Some(profile) = context.and_then(|context| context.seccomp_profile.as_ref()) {
        seccomp(profile, 2, 3, out);
    }
}

fn ports(
    label: &str,
    ports: &[proto::ContainerPort],
    number: impl Fn(&proto::ContainerPort) -> i32,
    out: &mut Writer,
) {
    let text = |port: &proto::ContainerPort| {
        let name = if port.name.is_empty() {
            String::new()
        } else {
            format!(" ({})", port.name)
        };
        format!("{}/{}{name}", number(port), port.protocol().word())
    };
    let all: Vec<String> = ports.iter().map(text).collect();
    let plural = if all.len() > 1 { "s" } else { "" };
    out.field(2, &format!("{label}{plural}"), or_none(&all.join(", ")));
}

pub(super) fn seccomp(
    profile: &proto::SeccompProfile,
    level: usize,
    path_level: usize,
    out: &mut Writer,
) {
    out.field(level, "SeccompProfile", profile.r#type().word());
    if profile.r#type() == proto::SeccompProfileType::Localhost {
        out.field(path_level, "LocalhostProfile", profile.localhost_profile());
    }
}

fn words(label: &str, words: &[String], out: &mut Writer) {
    if words.is_empty() {
        return;
    }
    out.line(2, format!("{label}:"));
    for line in words.iter().flat_map(|word| word.split('\n')) {
        out.line(3, line);
    }
}

fn state(label: &str, state: Option<&proto::ContainerState>, clock: &Clock, out: &mut Writer) {
    match state.and_then(|state| state.state.as_ref()) {
        Some(State::Running(running)) => {
            out.field(2, label, "Running");
            out.field(3, "Started", clock.full(running.started_at.as_ref()));
        }
        Some(State::Waiting(waiting)) => {
            out.field(2, label, "Waiting");
            if !waiting.reason.is_empty() {
                out.field(3, "Reason", &waiting.reason);
            }
        }
        Some(State::Terminated(ended)) => terminated(label, ended, clock, out),
        None => out.field(2, label, "Waiting"),
    }
}

fn terminated(
    label: &str,
    ended: &proto::ContainerStateTerminated,
    clock: &Clock,
    out: &mut Writer,
) {
    out.field(2, label, "Terminated");
    if !ended.reason.is_empty() {
        out.field(3, "Reason", &ended.reason);
    }
    if !ended.message.is_empty() {
        out.field(3, "Message", &ended.message);
    }
    out.field(3, "Exit Code", ended.exit_code.to_string());
    if ended.signal > 0 {
        out.field(3, "Signal", ended.signal.to_string());
    }
    out.field(3, "Started", clock.full(ended.started_at.as_ref()));
    out.field(3, "Finished", clock.full(ended.finished_at.as_ref()));
}

pub(super) fn resources(resources: &proto::ResourceRequirements, level: usize, out: &mut Writer) {
    amounts("Limits", &resources.limits, level, out);
    amounts("Requests", &resources.requests, level, out);
}

fn amounts(label: &str, amounts: &BTreeMap<String, String>, level: usize, out: &mut Writer) {
    if !amounts.is_empty() {
        out.line(level, format!("{label}:"));
    }
    for (resource, amount) in amounts {
        out.field(level + 1, resource, amount);
    }
}

fn probes(container: &proto::Container, out: &mut Writer) {
    let all = [
        ("Liveness", &container.liveness_probe),
        ("Readiness", &container.readiness_probe),
        ("Startup", &container.startup_probe),
    ];
    for (label, probe) in all {
        if let Some(probe) = probe {
            out.field(2, label, probe::describe(probe));
        }
    }
}

fn mounts(container: &proto::Container, out: &mut Writer) {
    let none = if container.volume_mounts.is_empty() {
        "\t<none>"
    } else {
        ""
    };
    out.line(2, format!("Mounts:{none}"));
    let mut mounts: Vec<_> = container.volume_mounts.iter().collect();
    mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    for mount in mounts {
        let mode = if mount.read_only { "ro" } else { "rw" };
        let path = if mount.sub_path.is_empty() {
            String::new()
        } else {
            format!(",path={:?}", mount.sub_path)
        };
        out.line(
            3,
            format!("{} from {} ({mode}{path})", mount.mount_path, mount.name),
        );
    }
    if container.volume_devices.is_empty() {
        return;
    }
    out.line(2, format!("Devices:{none}"));
    let mut devices: Vec<_> = container.volume_devices.iter().collect();
    devices.sort_by(|a, b| a.device_path.cmp(&b.device_path));
    for device in devices {
        out.line(3, format!("{} from {}", device.device_path, device.name));
    }
}
