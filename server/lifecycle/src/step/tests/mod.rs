//! Scenarios of the rules, driven without any runtime: the test plays the driver.

mod driver;
mod ephemeral;
mod exhaustive;
mod hooks;
mod images;
mod init;
mod late;
mod model;
mod outage;
mod probes;
mod random;
mod recovery;
mod restart;
mod restart_all;
mod sidecars;
mod start;
mod stop;
mod texts;
mod update;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    NewPod, Pod, Settings, Verdict,
    effect::Action,
    id::{OpId, PodKey, PodUid},
    input::{
        Command, Exit, Fact, ForeignCondition, ImageFailure, ImageSource, Input, InstanceFacts,
        Outcome, StartFailure, Update,
    },
    invariants::violations,
    spec::{
        ContainerSpec, EphemeralContainer, Handler, Lifecycle, PodSpec, Probe, RestartPolicy,
        RestartRule, RestartRuleAction,
    },
    state::{Class, EndReason, StopReason},
    status::{ContainerState, ContainerStatus, Stage, Truth},
    time::Timestamp,
    transition::{Cause, CauseKind, ExitStatus, Observation, ProbeKind, Subject, Transition},
};

/// A pod, the clock, its timer, and what it owes.
struct World {
    pod: Pod,
    now: Timestamp,
    /// Set by the pod's deadline after each look of the rules at it, and by nothing else.
    timer: Option<Timestamp>,
    owed: Vec<(OpId, Action)>,
    log: Vec<String>,
    /// Transitions that tell how a process ended.
    ends: Vec<Transition>,
    removed: bool,
}

fn container(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.into(),
        image: "app".into(),
        ..ContainerSpec::default()
    }
}

fn spec(policy: RestartPolicy, containers: Vec<ContainerSpec>) -> PodSpec {
    let grace = Duration::from_secs(30);
    PodSpec {
        containers,
        restart_policy: policy,
        termination_grace_period: grace,
        ..PodSpec::default()
    }
}

fn exec() -> Option<Handler> {
    Some(Handler::Exec {
        command: vec!["true".into()],
    })
}

fn failed(message: &str) -> Outcome {
    let message = message.into();
    Outcome::Failure { message }
}

fn is_probe(action: &Action, name: &str, kind: ProbeKind) -> bool {
    matches!(action, Action::RunProbe { container, probe, .. } if container == name && *probe == kind)
}

/// A probe with the defaults of Kubernetes.
fn exec_probe() -> Probe {
    Probe {
        handler: Handler::Exec {
            command: vec!["check".into()],
        },
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace_period: None,
    }
}

fn rule(action: RestartRuleAction, code: i32) -> RestartRule {
    RestartRule {
        action,
        not_in: false,
        values: vec![code],
    }
}

fn sidecar(name: &str) -> ContainerSpec {
    ContainerSpec {
        restart_policy: Some(RestartPolicy::Always),
        ..container(name)
    }
}

fn ended(finished_at: Timestamp, code: i32) -> Exit {
    let status = ExitStatus {
        code,
        ..ExitStatus::default()
    };
    Exit {
        status,
        finished_at,
        message: String::new(),
    }
}

/// The first instance of a container, as the runtime finds it.
fn found(container: &str, started_at: Timestamp, exit: Option<Exit>) -> InstanceFacts {
    InstanceFacts {
        container: container.into(),
        attempt: 0,
        container_id: "c".into(),
        started_at,
        exit,
    }
}

/// What a recovery finds in a sandbox that lives.
const fn recovered(instances: Vec<InstanceFacts>) -> Fact {
    Fact::Recovered {
        sandbox: Some(vec![]),
        instances,
    }
}

fn image_ready(op: OpId) -> Fact {
    Fact::ImageReady {
        op,
        image_id: "sha256:1".into(),
        image_ref: "app@sha256:1".into(),
        source: ImageSource::Present,
    }
}

impl World {
    /// A pod whose sandbox is there.
    fn ready(spec: PodSpec) -> Self {
        let mut world = Self::new(spec);
        world.sandbox();
        world
    }

    /// A pod whose regular containers run; it has no others.
    fn running(spec: PodSpec) -> Self {
        let containers = spec.containers.len();
        let mut world = Self::ready(spec);
        for _ in 0..containers {
            world.start();
        }
        world
    }

    fn new(spec: PodSpec) -> Self {
        let new = NewPod {
            key: PodKey::new("default", "p"),
            uid: PodUid::from("u-1"),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            finalizers: Vec::new(),
            spec,
            node: "node".into(),
        };
        let now = Timestamp::from_secs(1000);
        let pod = Pod::create(new, now);
        let mut world = Self {
            pod,
            now,
            timer: None,
            owed: Vec::new(),
            log: Vec::new(),
            ends: Vec::new(),
            removed: false,
        };
        let verdict = world.pod.begin(&Settings::default(), now, Cause::default());
        world.timer = world.pod.next_deadline(now);
        world.take(verdict);
        world
    }

    fn take(&mut self, verdict: Verdict) {
        for t in &verdict.transitions {
            let who = match &t.subject {
                Subject::Container { container, attempt } => format!("{container}#{attempt}"),
                Subject::Phase => "phase".into(),
                Subject::Object => "object".into(),
                Subject::Spec { .. } => "spec".into(),
                Subject::Probe {
                    container, probe, ..
                } => format!("{container} {probe:?}"),
                Subject::Hook {
                    container, hook, ..
                } => format!("{container} {hook:?}"),
                _ => continue,
            };
            let reason = if t.reason.is_empty() {
                String::new()
            } else {
                format!("({})", t.reason)
            };
            self.log.push(format!("{who}: {}{reason}", t.to));
        }
        let ends = verdict.transitions.into_iter().filter(|t| t.exit.is_some());
        self.ends.extend(ends);
        self.owed.retain(|(op, _)| !verdict.cancelled.contains(op));
        self.owed
            .extend(verdict.effects.into_iter().map(|e| (e.op, e.action)));
        self.removed |= verdict.removed;
        if verdict.more {
            self.input(Input::Continue(Cause::default()));
        }
    }

    fn input(&mut self, input: Input) {
        let before = self.pod.clone();
        let verdict = self
            .pod
            .step(&Settings::default(), self.now, &input)
            .expect("not denied");
        assert_eq!(
            violations(Some(&before), &self.pod),
            Vec::<String>::new(),
            "after {input:?}"
        );
        if !verdict.changed && !verdict.kept {
            assert_eq!(before, self.pod, "an unchanged pod is unchanged");
        }
        if !verdict.changed {
            assert_eq!(before.status(), self.pod.status(), "no revision, no news");
        }
        if verdict.changed || verdict.kept || matches!(input, Input::Tick) {
            self.timer = self.pod.next_deadline(self.now);
        }
        self.take(verdict);
    }

    fn fact(&mut self, fact: Fact) {
        self.input(Input::Fact(fact));
    }

    /// Takes the first owed operation of a kind.
    fn claim(&mut self, what: &str, wanted: impl Fn(&Action) -> bool) -> OpId {
        let found = self.owed.iter().position(|(_, action)| wanted(action));
        let index = found.unwrap_or_else(|| panic!("{what} is owed, got {:?}", self.owed));
        self.owed.remove(index).0
    }

    fn sandbox(&mut self) {
        let op = self.claim("sandbox", |a| matches!(a, Action::CreateSandbox { .. }));
        self.fact(Fact::SandboxReady {
            op,
            ips: vec!["10.0.0.1".parse().unwrap()],
        });
    }

    fn image(&mut self) {
        let op = self.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
        self.fact(image_ready(op));
    }

    fn image_fails(&mut self, failure: ImageFailure) {
        let op = self.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
        let message = "why".into();
        self.fact(Fact::ImageFailed {
            op,
            failure,
            message,
        });
    }

    fn start(&mut self) {
        self.image();
        self.started();
    }

    fn started(&mut self) {
        let op = self.claim("start", |a| matches!(a, Action::StartContainer { .. }));
        self.fact(Fact::ContainerStarted {
            op,
            container_id: format!("c-{op}"),
            at: self.now,
        });
    }

    fn start_fails(&mut self, failure: StartFailure, message: &str) {
        let op = self.claim("start", |a| matches!(a, Action::StartContainer { .. }));
        self.fact(Fact::ContainerFailed {
            op,
            failure,
            container_id: "c".into(),
            message: message.into(),
        });
    }

    fn lose_sandbox(&mut self) {
        let message = "shim died".into();
        self.fact(Fact::SandboxLost { message });
    }

    fn exit(&mut self, name: &str, code: i32) {
        let attempt = self.container(name).restart_count;
        self.fact(self.exit_fact(name, attempt, code));
    }

    fn exit_fact(&self, name: &str, attempt: u32, code: i32) -> Fact {
        Fact::ContainerExited {
            container: name.into(),
            attempt,
            container_id: "c".into(),
            started_at: self.now,
            exit: ended(self.now, code),
            observation: Observation::Direct,
        }
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.timer.take_if(|due| *due <= end) {
            self.now = self.now.max(next);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    fn delete(&mut self, grace: Option<i64>) {
        self.input(Input::Command(Command::Delete { grace }, Cause::default()));
    }

    fn clean_up(&mut self) {
        let op = self.claim("removal", |a| matches!(a, Action::RemoveSandbox { .. }));
        let purged = self.pod.meta.deletion.is_some();
        self.fact(Fact::SandboxRemoved { op, purged });
    }

    fn update(&mut self, change: impl FnOnce(&mut PodSpec)) {
        let mut spec = PodSpec::clone(&self.pod.spec);
        change(&mut spec);
        let update = Box::new(Update {
            spec: Some(spec),
            ..Update::default()
        });
        self.input(Input::Command(Command::Update(update), Cause::default()));
    }

    /// Takes the attempt of a probe that is owed and answers it.
    fn probe(&mut self, name: &str, kind: ProbeKind, outcome: Outcome) {
        let op = self.claim("probe", |a| is_probe(a, name, kind));
        self.fact(Fact::ProbeFinished { op, outcome });
    }

    fn probes(&self, name: &str, kind: ProbeKind) -> bool {
        self.owed.iter().any(|(_, a)| is_probe(a, name, kind))
    }

    fn hook(&mut self, name: &str, outcome: Outcome) {
        let op = self.claim(
            "hook",
            |a| matches!(a, Action::RunHook { container, .. } if container == name),
        );
        self.fact(Fact::HookFinished { op, outcome });
    }

    fn stop(&mut self, name: &str) {
        self.claim(
            "stop",
            |a| matches!(a, Action::StopContainer { container, .. } if container == name),
        );
    }

    fn kill(&mut self, name: &str) {
        self.claim(
            "kill",
            |a| matches!(a, Action::KillContainer { container, .. } if container == name),
        );
    }

    fn container(&self, name: &str) -> ContainerStatus {
        let status = self.pod.status();
        let all = status.init_containers.into_iter().chain(status.containers);
        let mut all = all.chain(status.ephemeral_containers);
        all.find(|c| c.name == name).unwrap()
    }

    fn terminated(&self, name: &str) -> (i32, String) {
        match self.container(name).state {
            ContainerState::Terminated(end) => (end.exit.status.code, end.reason.to_string()),
            other => panic!("terminated, got {other:?}"),
        }
    }

    fn runs(&self, name: &str) -> bool {
        matches!(self.container(name).state, ContainerState::Running { .. })
    }

    fn condition(&self, kind: &str) -> (Truth, String) {
        let status = self.pod.status();
        let condition = status.conditions.into_iter().find(|c| c.kind == kind);
        let condition = condition.unwrap_or_else(|| panic!("a condition {kind}"));
        (condition.status, condition.reason.to_string())
    }

    /// Count of the events with that reason whose message begins so.
    fn events(&self, reason: &str, message: &str) -> u32 {
        let events = self.pod.events().iter();
        let mut same = 0;
        for event in events.filter(|e| e.reason == reason && e.message.starts_with(message)) {
            same += event.count;
        }
        same
    }

    fn phase(&self) -> &'static str {
        self.pod.status().phase.as_str()
    }

    fn waiting(&self, name: &str) -> (String, String) {
        match self.container(name).state {
            ContainerState::Waiting { reason, message } => (reason.to_string(), message),
            other => panic!("waiting, got {other:?}"),
        }
    }
}
