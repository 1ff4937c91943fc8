//! A runtime that remembers what it did: the world that random and exhaustive play act on.
//!
//! A crash forgets what was not stored; the runtime does not forget, and tells at recovery.

use std::collections::BTreeMap;

use super::{model::Model, *};

/// What is to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// An operation in flight succeeds.
    Succeed(usize),
    /// An operation in flight fails; a process ignores its stop signal.
    Fail(usize),
    /// An operation could not be run at all.
    Err(usize),
    /// An operation succeeds, and the server crashes before it hears of it.
    SucceedUnheard(usize),
    /// A running process exits with that code.
    Exit(usize, i32),
    /// Time goes on to the next deadline.
    Wait,
    /// The pod is deleted with that grace period.
    Delete(i64),
    /// The server crashes and recovers.
    Crash,
    /// Namespaces and processes are gone.
    LoseSandbox,
    /// The shim cannot be reached, or can be again.
    Outage,
    /// A regular container gets another image.
    Image(usize),
    /// An ephemeral container is added.
    Debug,
}

type Key = (String, u32);

/// A pod, its store and its runtime.
#[derive(Clone)]
pub(super) struct Play {
    pub(super) pod: Pod,
    durable: Pod,
    pub(super) now: Timestamp,
    /// The pod's timer, as the engine holds it.
    pub(super) timer: Option<Timestamp>,
    pub(super) flying: Vec<(OpId, Action)>,
    /// Instances: how they ended, or not.
    instances: BTreeMap<Key, Option<i32>>,
    sandbox: bool,
    pub(super) removed: bool,
    model: Model,
}

impl Play {
    pub(super) fn new(spec: PodSpec) -> Self {
        let World {
            pod,
            now,
            timer,
            owed: flying,
            ..
        } = World::new(spec);
        Self {
            durable: pod.clone(),
            model: Model::new(&pod),
            pod,
            now,
            timer,
            flying,
            instances: BTreeMap::new(),
            sandbox: false,
            removed: false,
        }
    }

    /// Instances that run, in order.
    pub(super) fn running(&self) -> Vec<Key> {
        let running = self.instances.iter().filter(|(_, exit)| exit.is_none());
        running.map(|(key, _)| key.clone()).collect()
    }

    /// Makes a move; one that is not possible is none.
    pub(super) fn make(&mut self, next: Move) {
        match next {
            Move::Succeed(i) if i < self.flying.len() => {
                if let Some(fact) = self.perform(i, Move::Succeed) {
                    self.fact(fact);
                }
            }
            Move::Fail(i) if i < self.flying.len() => {
                if let Some(fact) = self.perform(i, Move::Fail) {
                    self.fact(fact);
                }
            }
            Move::Err(i) if i < self.flying.len() => {
                if let Some(fact) = self.perform(i, Move::Err) {
                    self.fact(fact);
                }
            }
            Move::SucceedUnheard(i) if i < self.flying.len() => {
                let _ = self.perform(i, Move::Succeed);
                self.crash();
            }
            Move::Exit(i, code) => {
                if let Some(key) = self.running().get(i).cloned() {
                    let fact = self.end(&key, code);
                    self.fact(fact);
                }
            }
            Move::Wait => self.wait(),
            Move::Delete(grace) => {
                let grace = Some(grace);
                self.command(Command::Delete { grace });
            }
            Move::Crash => self.crash(),
            Move::LoseSandbox if self.sandbox => {
                self.sandbox = false;
                self.instances.clear();
                let message = "shim died".into();
                self.fact(Fact::SandboxLost { message });
            }
            // Nobody looks after a sandbox that is gone: contact is neither lost nor found.
            Move::Outage if !self.sandbox => {}
            Move::Outage if self.pod.state().outage.is_some() => self.fact(Fact::ContactRestored),
            Move::Outage => {
                let message = "no answer".into();
                self.fact(Fact::ContactLost { message });
            }
            Move::Image(i) => self.update(|spec| {
                let i = i % spec.containers.len();
                spec.containers[i].image += "x";
            }),
            Move::Debug => self.update(|spec| {
                let name = format!("e{}", spec.ephemeral_containers.len());
                spec.ephemeral_containers.push(EphemeralContainer {
                    container: container(&name),
                    target_container: None,
                });
            }),
            _ => {}
        }
    }

    fn update(&mut self, change: impl FnOnce(&mut PodSpec)) {
        let mut spec = PodSpec::clone(&self.pod.spec);
        change(&mut spec);
        self.command(Command::Update(Box::new(Update {
            spec: Some(spec),
            ..Update::default()
        })));
    }

    fn wait(&mut self) {
        if let Some(next) = self.timer.take() {
            self.now = self.now.max(next);
            self.input(Input::Tick);
        }
    }

    /// Everything that was not stored is forgotten; what is owed is asked for again.
    fn crash(&mut self) {
        let stored = serde_json::to_string(&self.durable).unwrap();
        self.pod = serde_json::from_str(&stored).unwrap();
        assert_eq!(self.pod, self.durable, "what is stored is what is read");
        let instances = self.instances.iter().map(|(key, exit)| InstanceFacts {
            container: key.0.clone(),
            attempt: key.1,
            container_id: id(key),
            started_at: self.now,
            exit: exit.map(|code| ended(self.now, code)),
        });
        let instances = instances.collect();
        let sandbox = self.sandbox.then(Vec::new);
        (self.flying, self.timer) = (Vec::new(), None);
        self.fact(Fact::Recovered { sandbox, instances });
        self.input(Input::Tick);
        let owed = self.pod.owed().into_iter();
        self.flying = owed.map(|effect| (effect.op, effect.action)).collect();
        self.model.forget(&self.pod);
    }

    fn command(&mut self, command: Command) {
        self.input(Input::Command(command, Cause::default()));
    }

    fn fact(&mut self, fact: Fact) {
        self.input(Input::Fact(fact));
    }

    fn input(&mut self, input: Input) {
        if self.removed {
            return;
        }
        let before = self.pod.clone();
        let step = self.pod.step(&Settings::default(), self.now, &input);
        let verdict = step.unwrap_or_default();
        let broken = violations(Some(&before), &self.pod);
        assert_eq!(broken, Vec::<String>::new(), "after {input:?}");
        if verdict.changed {
            self.durable = self.pod.clone();
        } else if !verdict.kept {
            assert_eq!(before, self.pod, "an unchanged pod is unchanged");
        }
        if verdict.changed || verdict.kept || matches!(input, Input::Tick) {
            self.timer = self.pod.next_deadline(self.now);
        }
        self.flying
            .retain(|(op, _)| !verdict.cancelled.contains(op));
        let fresh = verdict.effects.into_iter().map(|e| (e.op, e.action));
        for (op, action) in fresh {
            self.asked(&action);
            self.flying.push((op, action));
        }
        self.removed |= verdict.removed;
        self.model.observe(&self.pod, self.now, verdict.changed);
        if verdict.more {
            self.input(Input::Continue(Cause::default()));
        } else if !self.removed {
            let owed: Vec<_> = self.pod.owed().into_iter().map(|e| e.op).collect();
            let unsolicited = |op: &OpId| !owed.contains(op);
            let mut flying = self.flying.iter().map(|(op, _)| *op);
            assert!(
                !flying.any(|op| unsolicited(&op)),
                "nothing flies that is not owed"
            );
        }
    }

    /// Judges what is asked of the runtime at the moment it is asked.
    fn asked(&self, action: &Action) {
        match action {
            Action::StartContainer {
                container, attempt, ..
            } => {
                self.model.may_start(&self.pod, container, *attempt);
                let same = |key: &Key| key.0 == *container;
                assert!(!self.running().iter().any(same), "{container} runs already");
                self.order_of_start(container);
            }
            Action::StopContainer { container, .. } => self.order_of_stop(container),
            Action::RemoveSandbox { .. } => {
                assert_eq!(self.running(), Vec::<Key>::new(), "nothing runs any more");
            }
            _ => {}
        }
    }

    /// Regular containers start after the init containers; these one after the other.
    fn order_of_start(&self, name: &str) {
        let spec = &self.pod.spec;
        let init = |name: &str| {
            let mut list = spec.init_containers.iter();
            list.any(|c| c.name == name && c.restart_policy != Some(RestartPolicy::Always))
        };
        let ephemeral = spec
            .ephemeral_containers
            .iter()
            .any(|e| e.container.name == name);
        let running = self.running();
        let init_runs = running.iter().any(|(other, _)| init(other));
        let is_sidecar = !init(name) && spec.init_containers.iter().any(|c| c.name == name);
        assert!(
            !init_runs || ephemeral || is_sidecar,
            "{name} beside an init container"
        );
    }

    /// While there is grace left, a sidecar is stopped after the containers that it serves.
    fn order_of_stop(&self, name: &str) {
        let containers = &self.pod.state().containers;
        let index = containers.iter().position(|c| c.name == name).unwrap();
        let container = &containers[index];
        let stop = container.live().and_then(|i| i.stop.as_ref()).unwrap();
        let grace = self.pod.state().ending.map_or(0, |e| e.grace);
        let in_time = self.now < stop.began_at + Duration::from_secs(grace.into());
        if container.class != Class::Sidecar || stop.reason != StopReason::PodEnding || !in_time {
            return;
        }
        let later = containers[index + 1..].iter();
        let served = later.filter(|c| matches!(c.class, Class::Main | Class::Sidecar));
        for other in served {
            let runs = self.running().iter().any(|key| key.0 == other.name);
            assert!(!runs, "{name} is stopped before {}", other.name);
        }
    }

    /// Does what an operation asks for.
    fn perform(&mut self, index: usize, how: fn(usize) -> Move) -> Option<Fact> {
        let (op, action) = self.flying.remove(index);
        let how = how(0);
        let good = how == Move::Succeed(0);
        let message = String::from("bad");
        Some(match action {
            Action::CreateSandbox { .. } if good => {
                self.sandbox = true;
                let ips = vec!["10.0.0.1".parse().unwrap()];
                Fact::SandboxReady { op, ips }
            }
            Action::CreateSandbox { .. } => Fact::SandboxFailed { op, message },
            Action::EnsureImage { .. } if good => Fact::ImageReady {
                op,
                image_id: "i".into(),
                image_ref: "r".into(),
                source: ImageSource::Present,
            },
            Action::EnsureImage { .. } => Fact::ImageFailed {
                op,
                failure: if how == Move::Fail(0) {
                    ImageFailure::ErrImagePull
                } else {
                    ImageFailure::ErrImageNeverPull
                },
                message,
            },
            Action::StartContainer {
                container, attempt, ..
            } => self.start(op, (container, attempt), how),
            Action::RunHook { .. } => Fact::HookFinished {
                op,
                outcome: outcome(how),
            },
            Action::RunProbe { .. } => Fact::ProbeFinished {
                op,
                outcome: outcome(how),
            },
            Action::StopContainer {
                container, attempt, ..
            } => return good.then(|| self.end(&(container, attempt), 143)),
            Action::KillContainer {
                container, attempt, ..
            } => self.end(&(container, attempt), 137),
            Action::RemoveSandbox { .. } | Action::PurgePod if !good => {
                Fact::CleanupFailed { op, message }
            }
            Action::RemoveSandbox { purge } => {
                self.sandbox = false;
                Fact::SandboxRemoved { op, purged: purge }
            }
            Action::PurgePod => Fact::PodPurged { op },
        })
    }

    fn start(&mut self, op: OpId, key: Key, how: Move) -> Fact {
        let known = self.instances.contains_key(&key);
        let container_id = id(&key);
        if how == Move::Succeed(0) || known {
            self.instances.entry(key).or_insert(None);
            let at = self.now;
            return Fact::ContainerStarted {
                op,
                container_id,
                at,
            };
        }
        let failure = if how == Move::Fail(0) {
            StartFailure::Start
        } else {
            StartFailure::Create
        };
        Fact::ContainerFailed {
            op,
            failure,
            container_id,
            message: "bad".into(),
        }
    }

    fn end(&mut self, key: &Key, code: i32) -> Fact {
        let exit = self.instances.entry(key.clone()).or_insert(Some(code));
        let code = *exit.get_or_insert(code);
        Fact::ContainerExited {
            container: key.0.clone(),
            attempt: key.1,
            container_id: id(key),
            started_at: self.now,
            exit: ended(self.now, code),
            observation: Observation::Direct,
        }
    }

    /// Lets everything go well, until nothing is left to do but to run: then every regular container
    /// runs or is done, or the pod has ended.
    pub(super) fn settle(&mut self) {
        for _ in 0..600 {
            let probe = |(_, a): &(OpId, Action)| matches!(a, Action::RunProbe { .. });
            let inits = self.running().into_iter();
            let mut inits = inits.enumerate().filter(|(_, key)| key.0.starts_with('i'));
            if self.removed {
                return;
            } else if self.is_out_of_reach() {
                self.make(Move::Outage);
            } else if let Some((index, _)) = inits.next() {
                self.make(Move::Exit(index, 0));
            } else if let Some(index) = self.flying.iter().position(|f| !probe(f)) {
                self.make(Move::Succeed(index));
            } else if self.is_at_rest() {
                return;
            } else if self.flying.is_empty() {
                self.make(Move::Wait);
            } else {
                self.make(Move::Succeed(0));
            }
        }
        panic!("the pod comes to no rest: {:#?}", self.pod.state());
    }

    /// Whether there is somebody to find contact to again.
    fn is_out_of_reach(&self) -> bool {
        self.sandbox && self.pod.state().outage.is_some()
    }

    fn is_at_rest(&self) -> bool {
        let status = self.pod.status();
        let ended = status.phase.is_terminal() && self.running().is_empty();
        let mut mains = status.containers.iter();
        ended || self.removed || mains.all(|c| matches!(c.stage, Stage::Running | Stage::Exited))
    }

    /// What is to happen so that the pod goes on without trouble.
    pub(super) fn finish(&mut self) {
        self.finish_unless(|_| false);
    }

    /// The same, up to a state from which it is known to go on.
    pub(super) fn finish_unless(&mut self, mut known: impl FnMut(&Self) -> bool) {
        for _ in 0..400 {
            if self.removed || known(self) {
                return;
            }
            if self.is_out_of_reach() {
                self.make(Move::Outage);
            } else if self.flying.is_empty() {
                self.make(Move::Wait);
            } else {
                self.make(Move::Succeed(0));
            }
        }
        panic!("the pod does not go: {:#?}", self.pod.state());
    }
}

fn outcome(how: Move) -> Outcome {
    let message = "bad".into();
    match how {
        Move::Fail(_) => Outcome::Failure { message },
        Move::Err(_) => Outcome::Error { message },
        _ => Outcome::Success,
    }
}

fn id(key: &Key) -> String {
    format!("{}-{}", key.0, key.1)
}
