//! A second, dumber model of phase and restarts, written from the tables of the reference and
//! from nothing else: it sees the status that clients see, and how instances ended.

use std::collections::BTreeMap;

use super::*;
use crate::{
    spec::PodSpec,
    state::Finished,
    status::{Phase, PodStatus},
};

/// What it remembers.
#[derive(Clone, Debug)]
pub(super) struct Model {
    phase: Phase,
    /// By container: the last end that was seen and whether another start has to follow.
    verdicts: BTreeMap<String, (Finished, bool)>,
}

impl Model {
    pub(super) fn new(pod: &Pod) -> Self {
        Self {
            phase: pod.status().phase,
            verdicts: BTreeMap::new(),
        }
    }

    /// After a crash it goes on from what was stored.
    pub(super) fn forget(&mut self, pod: &Pod) {
        self.phase = pod.status().phase;
    }

    /// Looks at the pod after a step.
    pub(super) fn observe(&mut self, pod: &Pod, now: Timestamp, changed: bool) {
        for container in &pod.state().containers {
            if let Some(end) = &container.exit {
                let again = restarts(pod, container.class, &container.name, end);
                let verdict = (end.clone(), again);
                self.verdicts.insert(container.name.clone(), verdict);
            }
        }
        if changed {
            let expected = self.published(pod, now);
            let status = pod.status();
            assert_eq!(status.phase, expected, "{status:#?}\n{:#?}", pod.state());
            self.phase = expected;
        }
    }

    /// A start is asked for.
    pub(super) fn may_start(&self, pod: &Pod, name: &str, attempt: u32) {
        assert!(pod.state().ending.is_none(), "an ending pod starts nothing");
        match self.verdicts.get(name) {
            None => assert_eq!(attempt, 0, "the first start of {name}"),
            Some((end, again)) => {
                assert!(*again, "{name} is started again after {end:?}");
                assert!(attempt > end.attempt, "{name} has a new number");
            }
        }
    }

    /// What is published (§1.4).
    fn published(&self, pod: &Pod, now: Timestamp) -> Phase {
        let (status, state) = (pod.status(), pod.state());
        let terminal = |phase| matches!(phase, Phase::Succeeded | Phase::Failed);
        let out_of_reach = state.outage.as_ref().is_some_and(|o| now >= o.limit);
        let processes = state
            .containers
            .iter()
            .any(|c| c.live().is_some() || starting(c));
        let over = state.ending.is_some() && !processes;
        if terminal(self.phase) {
            return self.phase;
        } else if out_of_reach && !over {
            return Phase::Unknown;
        }
        let table = self.table(pod, &status, over);
        let deadline = state
            .ending
            .is_some_and(|e| e.reason == EndReason::DeadlineExceeded);
        match table {
            _ if over && deadline => Phase::Failed,
            Phase::Pending | Phase::Running if over => Phase::Failed,
            Phase::Succeeded | Phase::Failed if processes => match self.phase {
                Phase::Unknown => Phase::Running,
                before => before,
            },
            other => other,
        }
    }

    /// The decision table (§1.3), row by row.
    fn table(&self, pod: &Pod, status: &PodStatus, terminal: bool) -> Phase {
        use ContainerState::{Running, Terminated, Waiting};
        let again = |name: &str| self.verdicts.get(name).is_some_and(|(_, again)| *again);
        let (mut failed_final, mut pending_init, mut pending_sidecar) = (0, 0, 0);
        let (mut running, mut waiting, mut stopped, mut stopped_final, mut succeeded) =
            (0, 0, 0, 0, 0);
        for (c, spec) in status.init_containers.iter().zip(&pod.spec.init_containers) {
            let is_sidecar = spec.restart_policy == Some(RestartPolicy::Always);
            let end = match (&c.state, &c.last_state) {
                (Terminated(end), _) | (Waiting { .. }, Some(end)) => Some(end),
                _ => None,
            };
            if is_sidecar {
                let runs = matches!(c.state, Running { .. });
                running += i32::from(runs);
                let pending = (runs && c.started != Some(true)) || (!runs && end.is_none());
                pending_sidecar += i32::from(pending);
                waiting += i32::from(!runs && end.is_none());
            } else {
                match end.map(|end| end.exit.status.code) {
                    None => pending_init += 1,
                    Some(0) => {}
                    Some(_) => failed_final += i32::from(!again(&c.name)),
                }
            }
        }
        for c in &status.containers {
            match (&c.state, &c.last_state) {
                (Running { .. }, _) => running += 1,
                (Waiting { .. }, None) => waiting += 1,
                (Waiting { .. }, Some(_)) => {
                    stopped += 1;
                    stopped_final += i32::from(!again(&c.name));
                }
                (Terminated(end), _) => {
                    stopped += 1;
                    stopped_final += i32::from(!again(&c.name));
                    succeeded += i32::from(end.exit.status.code == 0);
                }
            }
        }
        let initialized = pod.state().initialized;
        let rows = [
            (failed_final > 0, Phase::Failed),
            (pending_init > 0, Phase::Pending),
            (pending_sidecar > 0 && !initialized, Phase::Pending),
            (waiting > 0, Phase::Pending),
            (running > 0, Phase::Running),
            (stopped == 0, Phase::Pending),
            (terminal && stopped == succeeded, Phase::Succeeded),
            (terminal, Phase::Failed),
            (stopped != stopped_final, Phase::Running),
            (stopped == succeeded, Phase::Succeeded),
        ];
        let row = rows.into_iter().find(|(applies, _)| *applies);
        row.map_or(Phase::Failed, |(_, phase)| phase)
    }
}

fn starting(container: &crate::state::Container) -> bool {
    matches!(container.activity, crate::state::Activity::Starting { .. })
}

/// Whether an end is followed by another start (§1.1, §4.2).
fn restarts(pod: &Pod, class: Class, name: &str, end: &Finished) -> bool {
    let code = end.exit.status.code;
    let everything =
        end.rerun || pod.state().restarting_all || end.stopped == Some(StopReason::RestartAll);
    match class {
        Class::Ephemeral => false,
        Class::Sidecar => true,
        Class::Init => everything || (code != 0 && by_code(&pod.spec, name, code)),
        Class::Main => {
            let spec = pod.spec.containers.iter().find(|c| c.name == name).unwrap();
            let policy = spec.restart_policy.unwrap_or(pod.spec.restart_policy);
            match end.stopped {
                _ if everything => true,
                Some(StopReason::DefinitionChanged) => true,
                Some(StopReason::LivenessFailed | StopReason::StartupFailed) => {
                    policy != RestartPolicy::Never
                }
                _ => by_code(&pod.spec, name, code),
            }
        }
    }
}

fn by_code(spec: &PodSpec, name: &str, code: i32) -> bool {
    let container = spec.all_containers().find(|c| c.name == name).unwrap();
    let listed = |rule: &RestartRule| rule.values.contains(&code);
    let mut rules = container.restart_policy_rules.iter();
    match container.restart_policy {
        Some(_)
            if rules.any(|rule| {
                if rule.not_in {
                    !listed(rule)
                } else {
                    listed(rule)
                }
            }) =>
        {
            true
        }
        Some(RestartPolicy::Always) => true,
        Some(RestartPolicy::OnFailure) => code != 0,
        Some(RestartPolicy::Never) => false,
        None => match spec.restart_policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => code != 0,
            RestartPolicy::Never => false,
        },
    }
}
