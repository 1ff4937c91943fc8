//! The state of a container as it is seen, borrowed: what phase, conditions and transitions are
//! derived from with every step (spec §2).

use super::container::{shows_running, will_restart};
use crate::{
    Pod,
    state::{Class, Container, Finished, Probes},
    status::ContainerState,
    time::Timestamp,
    transition::Label,
};

/// [`ContainerState`], borrowed.
pub(crate) enum StateRef<'a> {
    Waiting { reason: Label, message: &'a str },
    Running { started_at: Timestamp },
    Terminated(&'a Finished),
}

impl StateRef<'_> {
    pub(crate) fn to_owned(&self) -> ContainerState {
        match self {
            Self::Waiting { reason, message } => ContainerState::Waiting {
                reason: reason.clone(),
                message: (*message).to_owned(),
            },
            Self::Running { started_at } => ContainerState::Running {
                started_at: *started_at,
            },
            Self::Terminated(finished) => ContainerState::Terminated((*finished).clone()),
        }
    }
}

/// What is seen of a container.
pub(crate) struct Brief<'a> {
    pub(crate) state: StateRef<'a>,
    /// The instance before.
    pub(crate) last: Option<&'a Finished>,
    pub(crate) started: bool,
    pub(crate) ready: bool,
}

pub(crate) fn brief<'a>(pod: &Pod, container: &'a Container) -> Brief<'a> {
    let (state, last) = states(pod, container);
    let running = matches!(state, StateRef::Running { .. });
    let probes = container.live().map(|instance| &instance.probes);
    let started = running && probes.is_none_or(Probes::started);
    let completed = matches!(state, StateRef::Terminated(end) if end.exit.status.code == 0);
    let ready = match container.class {
        Class::Init => completed,
        Class::Sidecar | Class::Main => started && probes.is_none_or(Probes::ready),
        Class::Ephemeral => false,
    };
    Brief {
        state,
        last,
        started,
        ready,
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
fn states<'a>(pod: &Pod, container: &'a Container) -> (StateRef<'a>, Option<&'a Finished>) {
    let exit = container.exit.as_ref();
    if let Some(instance) = container.live().filter(|instance| shows_running(instance)) {
        let started_at = instance.started_at;
        return (StateRef::Running { started_at }, exit);
    }
    // Why the next start has to wait is of no interest once there will be none (spec §2.1).
    let over = container.live().is_none() && exit.is_some() && !will_restart(pod, container);
    if let Some(shown) = container.shown.as_ref().filter(|_| !over) {
        let (reason, message) = (shown.reason.clone(), shown.message.as_str());
        return (StateRef::Waiting { reason, message }, exit);
    }
    match exit {
        Some(end) if over || !end.rerun => {
            (StateRef::Terminated(end), container.previous_exit.as_ref())
        }
        // What is removed to start again from the first waits as if it had never run.
        _ => {
            let (reason, message) = (Label::Borrowed(default_reason(pod)), "");
            (StateRef::Waiting { reason, message }, exit)
        }
    }
}
