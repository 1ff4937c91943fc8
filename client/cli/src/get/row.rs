//! What a row of `get pods` says of a pod.
//!
//! The STATUS column is neither the phase nor a container state but a summary of both; the rules are those of kubectl's
//! server-side printer (`pkg/printers/internalversion/printers.go`, printPod).

use lifepod_client::{
    Word,
    proto::{self, container_state::State},
    time,
};
use prost_types::Timestamp;

use crate::render::{Clock, or_none};

/// A row of `get pods`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// NAMESPACE.
    pub namespace: String,
    /// NAME.
    pub name: String,
    /// READY.
    pub ready: String,
    /// STATUS.
    pub status: String,
    /// RESTARTS.
    pub restarts: String,
    /// AGE.
    pub age: String,
    /// IP.
    pub ip: String,
    /// NODE.
    pub node: String,
    /// NOMINATED NODE.
    pub nominated_node: String,
    /// READINESS GATES.
    pub readiness_gates: String,
}

impl Row {
    /// Sums up a pod.
    #[must_use]
    pub fn of(pod: &proto::Pod, clock: &Clock) -> Self {
        let metadata = pod.metadata.clone().unwrap_or_default();
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let summary = Summary::of(&metadata, &spec, &status);
        let sidecars = spec
            .init_containers
            .iter()
            .filter(|container| is_sidecar(container));
        let total = spec.containers.len() + sidecars.count();
        Self {
            ready: format!("{}/{total}", summary.ready),
            status: summary.status,
            restarts: summary.restarts.text(clock),
            age: clock.since(metadata.creation_timestamp.as_ref()),
            ip: or_none(status.pod_ips.first().map_or("", String::as_str)).to_owned(),
            node: or_none(&spec.node_name).to_owned(),
            nominated_node: or_none(&status.nominated_node_name).to_owned(),
            readiness_gates: readiness_gates(&spec, &status),
            namespace: metadata.namespace,
            name: metadata.name,
        }
    }
}

fn readiness_gates(spec: &proto::PodSpec, status: &proto::PodStatus) -> String {
    if spec.readiness_gates.is_empty() {
        return "<none>".to_owned();
    }
    let met = spec
        .readiness_gates
        .iter()
        .filter(|gate| has_condition(status, &gate.condition_type));
    format!("{}/{}", met.count(), spec.readiness_gates.len())
}

fn is_sidecar(container: &proto::Container) -> bool {
    container.restart_policy() == proto::RestartPolicy::Always
}

fn has_condition(status: &proto::PodStatus, kind: &str) -> bool {
    status.conditions.iter().any(|condition| {
        condition.r#type == kind && condition.status() == proto::ConditionStatus::True
    })
}

/// Restarts of several containers, and the last time one of them ended before one.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i32,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &proto::ContainerStatus) {
        self.count += status.restart_count;
        if let Some(State::Terminated(ended)) = state(status.last_state.as_ref())
            && let Some(finished) = &ended.finished_at
            && self
                .last
                .is_none_or(|last| instant(&last) < instant(finished))
        {
            self.last = Some(*finished);
        }
    }

    fn text(&self, clock: &Clock) -> String {
        match &self.last {
            Some(last) if self.count != 0 => {
                format!("{} ({} ago)", self.count, clock.since(Some(last)))
            }
            _ => self.count.to_string(),
        }
    }
}

fn instant(time: &Timestamp) -> Option<jiff::Timestamp> {
    time::to_instant(time)
}

fn state(state: Option<&proto::ContainerState>) -> Option<&State> {
    state.and_then(|state| state.state.as_ref())
}

/// What the columns READY, STATUS and RESTARTS are made of.
struct Summary {
    ready: usize,
    status: String,
    restarts: Restarts,
}

impl Summary {
    fn of(metadata: &proto::ObjectMeta, spec: &proto::PodSpec, status: &proto::PodStatus) -> Self {
        let mut summary = Self {
            ready: 0,
            status: first_word(status),
            restarts: Restarts::default(),
        };
        let mut of_sidecars = Restarts::default();
        let initializing = summary.walk_init(spec, status, &mut of_sidecars);
        if !initializing || has_condition(status, "Initialized") {
            summary.restarts = of_sidecars;
            summary.walk_regular(status);
        }
        if metadata.deletion_timestamp.is_some() {
            let terminal = matches!(
                status.phase(),
                proto::PodPhase::Succeeded | proto::PodPhase::Failed
            );
            if status.reason == "NodeLost" {
                summary.status = "Unknown".to_owned();
            } else if !terminal {
                summary.status = "Terminating".to_owned();
            }
        }
        summary
    }

    /// Looks at the init containers up to the first that is not done. Says whether there is one.
    fn walk_init(
        &mut self,
        spec: &proto::PodSpec,
        status: &proto::PodStatus,
        of_sidecars: &mut Restarts,
    ) -> bool {
        for (index, container) in status.init_container_statuses.iter().enumerate() {
            let named = spec
                .init_containers
                .iter()
                .find(|spec| spec.name == container.name);
            let sidecar = named.is_some_and(is_sidecar);
            self.restarts.add(container);
            if sidecar {
                of_sidecars.add(container);
            }
            match state(container.state.as_ref()) {
                Some(State::Terminated(ended)) if ended.exit_code == 0 => continue,
                _ if sidecar && container.started() => {
                    self.ready += usize::from(container.ready);
                    continue;
                }
                Some(State::Terminated(ended)) => {
                    self.status = format!("Init:{}", ended_word(ended));
                }
                Some(State::Waiting(waiting))
                    if !matches!(waiting.reason.as_str(), "" | "PodInitializing") =>
                {
                    self.status = format!("Init:{}", waiting.reason);
                }
                _ => self.status = format!("Init:{index}/{}", spec.init_containers.len()),
            }
            return true;
        }
        false
    }

    /// Looks at the containers from the last to the first, so that the first that is out of the ordinary is told.
    fn walk_regular(&mut self, status: &proto::PodStatus) {
        let mut has_running = false;
        let mut failure = String::new();
        for container in status.container_statuses.iter().rev() {
            self.restarts.add(container);
            match state(container.state.as_ref()) {
                Some(State::Waiting(waiting)) if !waiting.reason.is_empty() => {
                    self.status.clone_from(&waiting.reason);
                }
                Some(State::Terminated(ended)) => {
                    self.status = ended_word(ended);
                    if ended.exit_code != 0 {
                        failure.clone_from(&self.status);
                    }
                }
                Some(State::Running(_)) if container.ready => {
                    has_running = true;
                    self.ready += 1;
                }
                _ => {}
            }
        }
        if self.status == "Completed" {
            if has_running && has_condition(status, "Ready") {
                "Running".clone_into(&mut self.status);
            } else if !failure.is_empty() {
                self.status = failure;
            } else if has_running {
                "NotReady".clone_into(&mut self.status);
            }
        }
    }
}

fn first_word(status: &proto::PodStatus) -> String {
    let gated = |condition: &proto::PodCondition| {
        condition.r#type == "PodScheduled" && condition.reason == "SchedulingGated"
    };
    if status.conditions.iter().any(gated) {
        return "SchedulingGated".to_owned();
    }
    if status.reason.is_empty() {
        status.phase().word().to_owned()
    } else {
        status.reason.clone()
    }
}

fn ended_word(ended: &proto::ContainerStateTerminated) -> String {
    if !ended.reason.is_empty() {
        ended.reason.clone()
    } else if ended.signal != 0 {
        format!("Signal:{}", ended.signal)
    } else {
        format!("ExitCode:{}", ended.exit_code)
    }
}
