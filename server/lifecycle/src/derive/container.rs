//! Container states (spec §2) and restart decisions (spec §1.1).

use crate::{
    Pod,
    spec::{ContainerSpec, RestartPolicy},
    state::{Activity, Class, Container, Finished, Hook, Instance},
    status::{ContainerState, ContainerStatus, Stage},
};

/// Whether a container that exited with `exit_code` is one to start again, by its rules, its
/// policy, or the pod's policy. An ending pod restarts nothing; that is decided elsewhere.
pub(crate) fn restartable(pod: &Pod, container: &Container, exit_code: i32) -> bool {
    let Some(spec) = spec_of(pod, container) else {
        return false;
    };
    match container.class {
        Class::Sidecar => true,
        Class::Ephemeral => false,
        Class::Init | Class::Main => {
            if let Some(policy) = spec.restart_policy {
                let rule = spec
                    .restart_policy_rules
                    .iter()
                    .any(|rule| rule.matches(exit_code));
                return rule || policy.restarts(exit_code);
            }
            match (container.class, pod.spec.restart_policy) {
                // An init container that ended well is done, whatever the policy says.
                (Class::Init, RestartPolicy::Always) => exit_code != 0,
                (_, policy) => policy.restarts(exit_code),
            }
        }
    }
}

/// Whether an exited container will start again: it is restartable and the pod goes on.
pub(crate) fn will_restart(pod: &Pod, container: &Container) -> bool {
    pod.state.ending.is_none()
        && container
            .exit
            .as_ref()
            .is_some_and(|exit| restartable(pod, container, exit.exit.status.code))
}

pub(crate) fn spec_of<'a>(pod: &'a Pod, container: &Container) -> Option<&'a ContainerSpec> {
    let spec = &pod.spec;
    let named = |spec: &&ContainerSpec| spec.name == container.name;
    match container.class {
        Class::Init | Class::Sidecar => spec.init_containers.iter().find(named),
        Class::Main => spec.containers.iter().find(named),
        Class::Ephemeral => {
            let mut list = spec.ephemeral_containers.iter().map(|e| &e.container);
            list.find(named)
        }
    }
}

/// Whether an instance is running as clients see it. Until its postStart hook returned the
/// container keeps the state it had before (spec §5).
fn shows_running(instance: &Instance) -> bool {
    match instance.post_start {
        Hook::None | Hook::Succeeded => true,
        Hook::Running { .. } | Hook::Failed => false,
    }
}

fn default_reason(pod: &Pod) -> &'static str {
    if pod.spec.init_containers.is_empty() {
        "ContainerCreating"
    } else {
        "PodInitializing"
    }
}

/// State and last state.
fn states(pod: &Pod, container: &Container) -> (ContainerState, Option<Finished>) {
    if let Some(instance) = container.live().filter(|instance| shows_running(instance)) {
        let running = ContainerState::Running {
            started_at: instance.started_at,
        };
        return (running, container.exit.clone());
    }
    // Why the next start has to wait is of no interest once there will be none (spec §2.1).
    let over =
        container.live().is_none() && container.exit.is_some() && !will_restart(pod, container);
    if let Some(shown) = container.shown.as_ref().filter(|_| !over) {
        let waiting = ContainerState::Waiting {
            reason: shown.reason.clone(),
            message: shown.message.clone(),
        };
        return (waiting, container.exit.clone());
    }
    match &container.exit {
        Some(exit) => (
            ContainerState::Terminated(exit.clone()),
            container.previous_exit.clone(),
        ),
        None => {
            let reason = default_reason(pod).into();
            (
                ContainerState::Waiting {
                    reason,
                    message: String::new(),
                },
                None,
            )
        }
    }
}

/// The stage the article names.
pub(crate) fn stage(pod: &Pod, container: &Container) -> Stage {
    match &container.activity {
        Activity::Live(instance) if instance.stop.is_some() => Stage::Terminating,
        Activity::Live(instance) if shows_running(instance) => Stage::Running,
        Activity::Live(_) | Activity::Starting { .. } | Activity::Pulling { .. } => {
            if container.exit.is_some() {
                Stage::Restarting
            } else {
                Stage::Creating
            }
        }
        Activity::Idle | Activity::Delayed { .. } => match &container.exit {
            Some(_) if container.shown.is_some() && will_restart(pod, container) => {
                Stage::Restarting
            }
            Some(_) => Stage::Exited,
            None => Stage::Waiting,
        },
    }
}

/// Status of one container.
pub(crate) fn container_status(pod: &Pod, container: &Container) -> ContainerStatus {
    let (state, last_state) = states(pod, container);
    let running = matches!(state, ContainerState::Running { .. });
    let completed =
        matches!(&state, ContainerState::Terminated(finished) if finished.exit.status.code == 0);
    let container_id = match (container.live(), &container.exit) {
        (Some(instance), _) => instance.container_id.clone(),
        (None, Some(exit)) => exit.container_id.clone(),
        (None, None) => String::new(),
    };
    let spec_image = spec_of(pod, container)
        .map(|spec| spec.image.clone())
        .unwrap_or_default();
    let created = container.attempt.is_some();
    ContainerStatus {
        name: container.name.clone(),
        stage: stage(pod, container),
        ready: if container.class == Class::Init {
            completed
        } else {
            running
        },
        started: (container.class != Class::Ephemeral).then_some(running),
        state,
        last_state,
        restart_count: container.restart_count(),
        image: spec_image,
        image_id: container
            .image
            .as_ref()
            .filter(|_| created)
            .map(|i| i.reference.clone())
            .unwrap_or_default(),
        container_id,
    }
}
