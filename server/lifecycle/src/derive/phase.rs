//! Phase (spec §1; kubelet `pkg/kubelet/kubelet_pods.go` getPhase).

use super::{
    brief::{StateRef, brief},
    container::restartable,
};
use crate::{
    Pod,
    state::{Class, Container},
    status::Phase,
};

#[derive(Default)]
struct Counts {
    pending_init: u32,
    failed_init_final: u32,
    pending_sidecar: u32,
    running: u32,
    waiting: u32,
    stopped: u32,
    stopped_final: u32,
    succeeded: u32,
}

impl Counts {
    fn init(&mut self, pod: &Pod, container: &Container) {
        let brief = brief(pod, container);
        let ended = match (&brief.state, brief.last) {
            (StateRef::Terminated(finished), _) => Some(*finished),
            (StateRef::Waiting { .. }, last) => last,
            (StateRef::Running { .. }, _) => None,
        };
        match ended {
            None => self.pending_init += 1,
            Some(finished) if finished.exit.status.code == 0 => {}
            Some(finished) => {
                self.failed_init_final += u32::from(!restartable(pod, container, finished));
            }
        }
    }

    fn sidecar(&mut self, pod: &Pod, container: &Container) {
        let brief = brief(pod, container);
        match (&brief.state, brief.last) {
            (StateRef::Running { .. }, _) => {
                self.running += 1;
                self.pending_sidecar += u32::from(!brief.started);
            }
            (StateRef::Waiting { .. }, None) => {
                self.pending_sidecar += 1;
                self.waiting += 1;
            }
            (StateRef::Waiting { .. }, Some(_)) | (StateRef::Terminated(_), _) => {}
        }
    }

    fn main(&mut self, pod: &Pod, container: &Container) {
        let brief = brief(pod, container);
        let (ended, counts_as_success) = match (&brief.state, brief.last) {
            (StateRef::Running { .. }, _) => {
                self.running += 1;
                return;
            }
            (StateRef::Waiting { .. }, None) => {
                self.waiting += 1;
                return;
            }
            (StateRef::Waiting { .. }, Some(last)) => (last, false),
            (StateRef::Terminated(finished), _) => (*finished, true),
        };
        self.stopped += 1;
        self.stopped_final += u32::from(!restartable(pod, container, ended));
        self.succeeded += u32::from(counts_as_success && ended.exit.status.code == 0);
    }
}

/// The phase by the kubelet's decision table, before stickiness.
/// `terminal`: everything was stopped because the pod ends.
pub(crate) fn phase(pod: &Pod, terminal: bool) -> Phase {
    let mut n = Counts::default();
    for container in &pod.state.containers {
        match container.class {
            Class::Init => n.init(pod, container),
            Class::Sidecar => n.sidecar(pod, container),
            Class::Main => n.main(pod, container),
            Class::Ephemeral => {}
        }
    }
    if n.failed_init_final > 0 {
        Phase::Failed
    } else if n.pending_init > 0
        || (n.pending_sidecar > 0 && !pod.state.initialized)
        || n.waiting > 0
    {
        Phase::Pending
    } else if n.running > 0 {
        Phase::Running
    } else if n.stopped == 0 {
        Phase::Pending
    } else if !terminal && n.stopped != n.stopped_final {
        Phase::Running
    } else if n.stopped == n.succeeded {
        Phase::Succeeded
    } else {
        Phase::Failed
    }
}
