//! Restart decisions (spec §1.1), stages, and the status of a container.

use super::brief::brief;
use crate::{
    Pod,
    spec::{ContainerSpec, RestartPolicy, RestartRuleAction},
    state::{Activity, Class, Container, Finished, Hook, Instance, StopReason},
    status::{ContainerStatus, Stage},
};

/// Whether an ended instance is followed by another one, by the container's rules, its policy, or
/// the pod's policy. An ending pod restarts nothing; that is decided elsewhere.
pub(crate) fn restartable(pod: &Pod, container: &Container, ended: &Finished) -> bool {
    let Some(spec) = spec_of(pod, container) else {
        return false;
    };
    let everything = ended.rerun || pod.state.restarting_all;
    match container.class {
        Class::Ephemeral => false,
        _ if everything || ended.stopped == Some(StopReason::RestartAll) => true,
        Class::Sidecar => true,
        // An init container that ended well is done, whatever the policy says.
        Class::Init => ended.exit.status.code != 0 && by_exit_code(pod, spec, ended),
        Class::Main => match ended.stopped {
            Some(StopReason::DefinitionChanged) => true,
            // A kill by a probe is no exit of its own, so the rules on exit codes do not apply.
            Some(StopReason::StartupFailed | StopReason::LivenessFailed) => {
                restarts_unhealthy(pod, spec)
            }
            _ => by_exit_code(pod, spec, ended),
        },
    }
}

fn by_exit_code(pod: &Pod, spec: &ContainerSpec, ended: &Finished) -> bool {
    let code = ended.exit.status.code;
    match spec.restart_policy {
        Some(policy) => first_rule(spec, code).is_some() || policy.restarts(code),
        None => pod.spec.restart_policy.restarts(code),
    }
}

/// The first restart rule of a container that matches an exit code.
pub(crate) fn first_rule(spec: &ContainerSpec, code: i32) -> Option<RestartRuleAction> {
    let mut rules = spec.restart_policy_rules.iter();
    rules
        .find(|rule| rule.matches(code))
        .map(|rule| rule.action)
}

/// Whether a regular container that a probe kills starts again.
pub(crate) fn restarts_unhealthy(pod: &Pod, spec: &ContainerSpec) -> bool {
    spec.restart_policy.unwrap_or(pod.spec.restart_policy) != RestartPolicy::Never
}

/// Whether an exited container will start again: it is restartable and the pod goes on.
pub(crate) fn will_restart(pod: &Pod, container: &Container) -> bool {
    pod.state.ending.is_none()
        && container
            .exit
            .as_ref()
            .is_some_and(|exit| restartable(pod, container, exit))
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
pub(crate) const fn shows_running(instance: &Instance) -> bool {
    match instance.post_start {
        Hook::None | Hook::Succeeded => true,
        Hook::Running { .. } | Hook::Failed => false,
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
            Some(exit) if container.shown.is_some() || exit.rerun => {
                if will_restart(pod, container) {
                    Stage::Restarting
                } else {
                    Stage::Exited
                }
            }
            Some(_) => Stage::Exited,
            None => Stage::Waiting,
        },
    }
}

/// Status of one container.
pub(crate) fn container_status(pod: &Pod, container: &Container) -> ContainerStatus {
    let brief = brief(pod, container);
    let container_id = match (container.live(), &container.exit) {
        (Some(instance), _) => instance.container_id.clone(),
        (None, Some(exit)) => exit.container_id.clone(),
        (None, None) => String::new(),
    };
    let made_from = container.live().map(|instance| &instance.image);
    let image = made_from
        .filter(|image| !image.is_empty())
        .or_else(|| spec_of(pod, container).map(|spec| &spec.image));
    let created = container.attempt.is_some();
    let image_id = container.image.as_ref().filter(|_| created);
    ContainerStatus {
        name: container.name.clone(),
        stage: stage(pod, container),
        ready: brief.ready,
        started: (container.class != Class::Ephemeral).then_some(brief.started),
        state: brief.state.to_owned(),
        last_state: brief.last.cloned(),
        restart_count: container.restart_count(),
        image: image.cloned().unwrap_or_default(),
        image_id: image_id.map(|i| i.reference.clone()).unwrap_or_default(),
        container_id,
    }
}
