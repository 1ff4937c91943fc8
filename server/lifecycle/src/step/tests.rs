//! Scenarios of the rules, driven without any runtime: the test plays the driver.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    NewPod, Pod, Settings, Verdict,
    effect::Action,
    id::{OpId, PodKey, PodUid},
    input::{Command, Exit, Fact, ImageFailure, ImageSource, Input, Outcome, StartFailure},
    invariants::violations,
    spec::{ContainerSpec, Handler, Lifecycle, PodSpec, RestartPolicy},
    status::Truth,
    time::Timestamp,
    transition::{Cause, ExitStatus, Observation, Subject},
};

/// A pod, the clock, and what it owes.
struct World {
    pod: Pod,
    now: Timestamp,
    owed: Vec<(OpId, Action)>,
    log: Vec<String>,
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

impl World {
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
            owed: Vec::new(),
            log: Vec::new(),
            removed: false,
        };
        let verdict = world.pod.begin(&Settings::default(), now, Cause::default());
        world.take(verdict);
        world
    }

    fn take(&mut self, verdict: Verdict) {
        for t in &verdict.transitions {
            let who = match &t.subject {
                Subject::Container { container, attempt } => format!("{container}#{attempt}"),
                Subject::Phase => "phase".into(),
                Subject::Object => "object".into(),
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
        if !verdict.changed {
            assert_eq!(before, self.pod, "an unchanged pod is unchanged");
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
        let (image_id, image_ref) = ("sha256:1".into(), "app@sha256:1".into());
        self.fact(Fact::ImageReady {
            op,
            image_id,
            image_ref,
            source: ImageSource::Present,
        });
    }

    fn start(&mut self) {
        self.image();
        let op = self.claim("start", |a| matches!(a, Action::StartContainer { .. }));
        self.fact(Fact::ContainerStarted {
            op,
            container_id: format!("c-{op}"),
            at: self.now,
        });
    }

    fn exit(&mut self, name: &str, code: i32) {
        let attempt = self
            .pod
            .status()
            .containers
            .iter()
            .find(|c| c.name == name)
            .unwrap()
            .restart_count;
        self.fact(self.exit_fact(name, attempt, code));
    }

    fn exit_fact(&self, name: &str, attempt: u32, code: i32) -> Fact {
        let status = ExitStatus {
            code,
            signal: 0,
            oom_killed: false,
        };
        Fact::ContainerExited {
            container: name.into(),
            attempt,
            container_id: "c".into(),
            started_at: self.now,
            exit: Exit {
                status,
                finished_at: self.now,
                message: String::new(),
            },
            observation: Observation::Direct,
        }
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.pod.next_deadline(self.now).filter(|t| *t <= end) {
            self.now = next;
            self.input(Input::Tick);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    fn delete(&mut self, grace: Option<i64>) {
        self.input(Input::Command(Command::Delete { grace }, Cause::default()));
    }

    fn clean_up(&mut self) {
        let op = self.claim("removal", |a| matches!(a, Action::RemoveSandbox { .. }));
        let purged = self.pod.meta.deletion.is_some();
        self.fact(Fact::SandboxRemoved { op, purged });
    }

    fn phase(&self) -> &'static str {
        self.pod.status().phase.as_str()
    }

    fn waiting(&self, name: &str) -> (String, String) {
        let status = self.pod.status();
        let container = status.containers.iter().find(|c| c.name == name).unwrap();
        match &container.state {
            crate::status::ContainerState::Waiting { reason, message } => {
                (reason.to_string(), message.clone())
            }
            other => panic!("waiting, got {other:?}"),
        }
    }
}

#[test]
fn a_pod_runs_to_completion() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    assert_eq!(w.phase(), "Pending");
    w.sandbox();
    w.start();
    assert_eq!(w.phase(), "Running");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert_eq!(
        w.log,
        [
            "object: Created",
            "c1#0: Waiting(ContainerCreating)",
            "phase: Pending",
            "c1#0: Creating(ContainerCreating)",
            "c1#0: Running",
            "phase: Running",
            "c1#0: Exited(Completed)",
            "phase: Succeeded",
        ]
    );
    let ready = w
        .pod
        .status()
        .conditions
        .into_iter()
        .find(|c| c.kind == "Ready")
        .unwrap();
    assert_eq!(
        (ready.status, &*ready.reason),
        (Truth::False, "PodCompleted")
    );
    w.delete(None);
    assert!(!w.pod.is_visible());
    let op = w.claim("purge", |a| matches!(a, Action::PurgePod));
    w.fact(Fact::PodPurged { op });
    assert!(w.removed && w.owed.is_empty());
}

#[test]
fn a_failed_exit_fails_the_pod() {
    let mut w = World::new(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2")],
    ));
    w.sandbox();
    w.start();
    w.start();
    w.exit("c1", 3);
    assert_eq!(w.phase(), "Running");
    w.exit("c2", 0);
    assert_eq!(w.phase(), "Failed");
}

#[test]
fn a_crashing_container_backs_off_as_the_kubelet_does() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.exit("c1", 1);
    w.start();
    for delay in ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"] {
        w.exit("c1", 1);
        let (reason, message) = w.waiting("c1");
        assert_eq!(reason, "CrashLoopBackOff");
        assert_eq!(
            message,
            format!("back-off {delay} restarting failed container=c1 pod=p_default(u-1)")
        );
        assert_eq!(w.phase(), "Running");
        assert!(w.owed.is_empty());
        w.pass(300);
        w.start();
    }
    assert_eq!(w.pod.status().containers[0].restart_count, 8);
    let tail: Vec<_> = w
        .log
        .iter()
        .rev()
        .take(3)
        .rev()
        .map(String::as_str)
        .collect();
    assert_eq!(
        tail,
        [
            "c1#7: Exited(Error)",
            "c1#7: Restarting(CrashLoopBackOff)",
            "c1#8: Running"
        ]
    );
}

#[test]
fn a_bad_image_backs_off_and_heals() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    w.sandbox();
    for delay in [10, 20] {
        let op = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
        w.fact(Fact::ImagePulling { op });
        w.fact(Fact::ImageFailed {
            op,
            failure: ImageFailure::ErrImagePull,
            message: "no such image".into(),
        });
        let (reason, message) = w.waiting("c1");
        assert_eq!(reason, "ImagePullBackOff");
        assert!(
            message.starts_with("Back-off pulling image \"app\": ErrImagePull: no such image"),
            "{message}"
        );
        assert_eq!(w.phase(), "Pending");
        w.pass(delay - 1);
        assert!(w.owed.is_empty());
        w.pass(1);
    }
    w.start();
    assert_eq!(w.phase(), "Running");
    assert!(w.log.contains(&"c1#0: Waiting(ErrImagePull)".to_owned()));
}

#[test]
fn post_start_blocks_running_and_later_containers() {
    let mut c1 = container("c1");
    c1.lifecycle = Lifecycle {
        post_start: exec(),
        pre_stop: None,
    };
    let mut w = World::new(spec(RestartPolicy::Always, vec![c1, container("c2")]));
    w.sandbox();
    w.start();
    assert_eq!(w.waiting("c1").0, "ContainerCreating");
    assert_eq!(w.phase(), "Pending");
    let op = w.claim("hook", |a| matches!(a, Action::RunHook { .. }));
    assert!(w.owed.is_empty(), "c2 waits");
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Success,
    });
    w.start();
    assert_eq!(w.phase(), "Running");
}

#[test]
fn a_failed_post_start_kills_and_restarts() {
    let mut c1 = container("c1");
    c1.lifecycle = Lifecycle {
        post_start: exec(),
        pre_stop: exec(),
    };
    let mut w = World::new(spec(RestartPolicy::Always, vec![c1]));
    w.sandbox();
    w.start();
    let op = w.claim("hook", |a| matches!(a, Action::RunHook { .. }));
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Failure {
            message: "error: exit 7".into(),
        },
    });
    assert_eq!(w.waiting("c1").0, "PostStartHookError");
    let op = w.claim("preStop", |a| matches!(a, Action::RunHook { .. }));
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Success,
    });
    w.claim("stop", |a| matches!(a, Action::StopContainer { .. }));
    w.exit("c1", 143);
    assert_eq!(w.waiting("c1").0, "PostStartHookError");
    w.image();
    assert!(
        w.log
            .contains(&"c1#0: Restarting(PostStartHookError)".to_owned()),
        "{:?}",
        w.log
    );
}

#[test]
fn deletion_runs_pre_stop_then_signals_then_kills_at_the_end_of_the_grace() {
    let mut c1 = container("c1");
    c1.lifecycle = Lifecycle {
        post_start: None,
        pre_stop: exec(),
    };
    let mut w = World::new(spec(RestartPolicy::Always, vec![c1]));
    w.sandbox();
    w.start();
    w.delete(Some(10));
    let op = w.claim("hook", |a| matches!(a, Action::RunHook { .. }));
    assert!(w.owed.is_empty(), "no signal before the hook is done");
    w.pass(4);
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Success,
    });
    w.claim("stop", |a| matches!(a, Action::StopContainer { .. }));
    w.pass(5);
    assert!(w.owed.is_empty());
    w.pass(1);
    w.claim("kill", |a| matches!(a, Action::KillContainer { .. }));
    w.exit("c1", 137);
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.removed);
    assert_eq!(w.log.last().unwrap(), "object: Deleted");
}

#[test]
fn a_hook_that_never_returns_is_cut_off() {
    let mut c1 = container("c1");
    c1.lifecycle = Lifecycle {
        post_start: None,
        pre_stop: exec(),
    };
    let mut w = World::new(spec(RestartPolicy::Always, vec![c1]));
    w.sandbox();
    w.start();
    w.delete(Some(3));
    w.pass(3);
    assert!(
        w.owed
            .iter()
            .all(|(_, a)| matches!(a, Action::StopContainer { .. })),
        "hook cancelled: {:?}",
        w.owed
    );
    w.pass(1);
    assert_eq!(w.owed.len(), 1);
    w.pass(1);
    w.claim("kill", |a| matches!(a, Action::KillContainer { .. }));
}

#[test]
fn deletion_during_a_pull_calls_it_off() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.delete(None);
    assert!(
        w.owed
            .iter()
            .all(|(_, a)| matches!(a, Action::RemoveSandbox { .. })),
        "{:?}",
        w.owed
    );
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn deletion_during_a_back_off_shows_how_the_last_instance_ended() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.exit("c1", 0);
    w.start();
    w.exit("c1", 0);
    assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
    w.delete(None);
    let status = w.pod.status();
    let state = &status.containers[0].state;
    assert!(
        matches!(state, crate::status::ContainerState::Terminated(end) if end.attempt == 1),
        "{state:?}"
    );
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_forced_deletion_hides_the_pod_at_once_and_still_stops_it() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.delete(Some(0));
    assert!(!w.pod.is_visible());
    assert_eq!(
        w.log.iter().filter(|l| l.starts_with("object")).count(),
        3,
        "{:?}",
        w.log
    );
    w.claim("stop", |a| matches!(a, Action::StopContainer { .. }));
    w.pass(2);
    w.claim("kill", |a| matches!(a, Action::KillContainer { .. }));
    w.exit("c1", 137);
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_shorter_grace_moves_the_deadline_and_a_longer_one_does_nothing() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.delete(Some(60));
    let first = w.pod.meta.deletion.unwrap();
    w.delete(Some(90));
    assert_eq!(w.pod.meta.deletion, Some(first));
    w.delete(Some(10));
    let second = w.pod.meta.deletion.unwrap();
    assert_eq!(
        (second.grace, first.deadline.since(second.deadline)),
        (10, Duration::from_secs(50))
    );
    assert_eq!(w.pod.meta.generation, 2);
    w.claim("stop", |a| matches!(a, Action::StopContainer { .. }));
    w.pass(10);
    w.claim("kill", |a| matches!(a, Action::KillContainer { .. }));
}

#[test]
fn an_exit_that_overtakes_its_start_is_told_after_it() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    w.sandbox();
    w.image();
    let op = w.claim("start", |a| matches!(a, Action::StartContainer { .. }));
    let exit = w.exit_fact("c1", 0, 0);
    w.fact(exit);
    let at = w.now;
    w.fact(Fact::ContainerStarted {
        op,
        container_id: "late".into(),
        at,
    });
    let tail: Vec<_> = w.log[w.log.len() - 4..]
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(
        tail,
        [
            "c1#0: Running",
            "phase: Running",
            "c1#0: Exited(Completed)",
            "phase: Succeeded"
        ]
    );
}

#[test]
fn a_start_error_never_restarts_under_never() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    w.sandbox();
    w.image();
    let op = w.claim("start", |a| matches!(a, Action::StartContainer { .. }));
    let failure = StartFailure::Start;
    w.fact(Fact::ContainerFailed {
        op,
        failure,
        container_id: "c".into(),
        message: "no such file".into(),
    });
    assert_eq!(w.phase(), "Failed");
    assert_eq!(w.log[w.log.len() - 2], "c1#0: Exited(StartError)");
}

#[test]
fn a_start_error_under_always_waits_as_run_container_error() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    for round in 0..2 {
        w.image();
        let op = w.claim("start", |a| matches!(a, Action::StartContainer { .. }));
        let failure = StartFailure::Start;
        w.fact(Fact::ContainerFailed {
            op,
            failure,
            container_id: "c".into(),
            message: "no".into(),
        });
        assert_eq!(w.phase(), "Running");
        let expected = if round == 0 {
            "RunContainerError"
        } else {
            "CrashLoopBackOff"
        };
        assert_eq!(w.waiting("c1").0, expected);
    }
}

#[test]
fn recovery_finds_exits_and_keeps_survivors() {
    use crate::input::InstanceFacts;
    let mut w = World::new(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2")],
    ));
    w.sandbox();
    w.start();
    w.start();
    let facts = |name: &str, exit| InstanceFacts {
        container: name.into(),
        attempt: 0,
        container_id: "c".into(),
        started_at: Timestamp::from_secs(1000),
        exit,
    };
    let status = ExitStatus {
        code: 4,
        signal: 0,
        oom_killed: false,
    };
    let exit = Exit {
        status,
        finished_at: Timestamp::from_secs(1003),
        message: String::new(),
    };
    w.now = Timestamp::from_secs(1100);
    let instances = vec![facts("c1", Some(exit)), facts("c2", None)];
    w.fact(Fact::Recovered {
        sandbox: Some(vec![]),
        instances: instances.clone(),
    });
    let c1 = &w.pod.status().containers[0];
    assert!(
        matches!(&c1.state, crate::status::ContainerState::Terminated(f)
        if f.exit.status.code == 4 && f.exit.finished_at == Timestamp::from_secs(1003))
    );
    assert_eq!(w.phase(), "Running");
    let len = w.log.len();
    w.fact(Fact::Recovered {
        sandbox: Some(vec![]),
        instances,
    });
    assert_eq!(w.log.len(), len, "told twice, recorded once");
}

#[test]
fn a_lost_sandbox_is_made_again() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
    assert!(
        w.log
            .contains(&"c1#0: Exited(ContainerStatusUnknown)".to_owned())
    );
    w.sandbox();
    w.start();
    assert_eq!(
        (w.phase(), w.pod.status().containers[0].restart_count),
        ("Running", 1)
    );
}

#[test]
fn a_lost_sandbox_ends_a_pod_that_never_restarts() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.owed.is_empty());
}

#[test]
fn the_active_deadline_fails_the_pod_with_its_reason() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.active_deadline = Some(Duration::from_secs(5));
    let mut w = World::new(s);
    w.sandbox();
    w.start();
    w.pass(5);
    w.claim("stop", |a| matches!(a, Action::StopContainer { .. }));
    assert_eq!(w.phase(), "Running", "withheld until nothing runs");
    w.exit("c1", 0);
    assert_eq!(
        (w.phase(), &*w.pod.status().reason),
        ("Failed", "DeadlineExceeded")
    );
}

#[test]
fn init_containers_run_one_after_the_other() {
    let mut s = spec(RestartPolicy::Never, vec![container("c1")]);
    s.init_containers = vec![container("i1"), container("i2")];
    let mut w = World::new(s);
    w.sandbox();
    for name in ["i1", "i2"] {
        w.start();
        assert_eq!(
            (w.phase(), w.waiting("c1").0.as_str()),
            ("Pending", "PodInitializing")
        );
        assert!(w.owed.is_empty());
        let exit = w.exit_fact(name, 0, 0);
        w.fact(exit);
    }
    w.start();
    assert_eq!(w.phase(), "Running");
}

#[test]
fn a_jump_of_the_runtimes_clock_neither_delays_nor_hurries_a_restart() {
    for jump in [-3600_i64, 3600] {
        let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
        w.sandbox();
        w.start();
        for round in 0..2 {
            let Fact::ContainerExited { mut exit, .. } = w.exit_fact("c1", round, 1) else {
                unreachable!("an exit")
            };
            exit.finished_at = Timestamp(w.now.0 + jump * 1_000_000_000);
            let started_at = Timestamp(exit.finished_at.0 - 1);
            w.fact(Fact::ContainerExited {
                container: "c1".into(),
                attempt: round,
                container_id: "c".into(),
                started_at,
                exit,
                observation: Observation::Direct,
            });
            if round == 0 {
                w.start();
            }
        }
        assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
        w.pass(9);
        assert!(
            w.owed.is_empty(),
            "jump {jump}: not before the back-off ends"
        );
        w.pass(1);
        w.start();
    }
}

#[test]
fn a_sandbox_lost_during_a_pull_begins_again_with_the_init_containers() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1")];
    let mut w = World::new(s);
    w.sandbox();
    w.start();
    let exit = w.exit_fact("i1", 0, 0);
    w.fact(exit);
    let op = w.claim(
        "image of c1",
        |a| matches!(a, Action::EnsureImage { container } if container == "c1"),
    );
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
    let (image_id, image_ref) = ("i".into(), "r".into());
    w.fact(Fact::ImageReady {
        op,
        image_id,
        image_ref,
        source: ImageSource::Present,
    });
    w.sandbox();
    w.claim(
        "image of i1",
        |a| matches!(a, Action::EnsureImage { container } if container == "i1"),
    );
    assert!(w.owed.is_empty(), "c1 waits for i1: {:?}", w.owed);
}

mod random {
    use proptest::prelude::*;

    use super::*;

    /// Plays a driver that answers in any order, sometimes badly, sometimes twice.
    fn play(w: &mut World, choice: u8, which: usize) {
        match choice {
            0..=5 if !w.owed.is_empty() => {
                let (op, action) = w.owed.remove(which % w.owed.len());
                answer(w, op, &action, which);
            }
            6 => w.pass(which as u64 % 40),
            7 => {
                let names = ["c1", "c2", "i1"];
                let name = names[which % 3];
                let attempt = w
                    .pod
                    .state()
                    .containers
                    .iter()
                    .find(|c| c.name == name)
                    .map_or(0, crate::state::Container::restart_count);
                let fact = w.exit_fact(name, attempt, (which % 2) as i32);
                w.fact(fact);
            }
            8 if which.is_multiple_of(4) => w.delete(Some(which as i64 % 20)),
            9 if which.is_multiple_of(3) => w.fact(Fact::SandboxLost {
                message: String::new(),
            }),
            _ => {
                // A restart: the state survives a round trip, and everything owed is asked for again.
                w.owed = w.pod.owed().into_iter().map(|e| (e.op, e.action)).collect();
            }
        }
    }

    fn answer(w: &mut World, op: OpId, action: &Action, which: usize) {
        let bad = which.is_multiple_of(5);
        let message = String::from("bad");
        let at = w.now;
        let fact = match action {
            Action::CreateSandbox { .. } if bad => Fact::SandboxFailed { op, message },
            Action::CreateSandbox { .. } => Fact::SandboxReady { op, ips: vec![] },
            Action::EnsureImage { .. } if bad => Fact::ImageFailed {
                op,
                failure: ImageFailure::ErrImagePull,
                message,
            },
            Action::EnsureImage { .. } => Fact::ImageReady {
                op,
                image_id: "i".into(),
                image_ref: "r".into(),
                source: ImageSource::Present,
            },
            Action::StartContainer { .. } if bad => {
                let failure = [
                    StartFailure::Config,
                    StartFailure::Create,
                    StartFailure::Start,
                ][which % 3];
                Fact::ContainerFailed {
                    op,
                    failure,
                    container_id: "c".into(),
                    message,
                }
            }
            Action::StartContainer { .. } => Fact::ContainerStarted {
                op,
                container_id: "c".into(),
                at,
            },
            Action::RunHook { .. } if bad => Fact::HookFinished {
                op,
                outcome: Outcome::Failure { message },
            },
            Action::RunHook { .. } => Fact::HookFinished {
                op,
                outcome: Outcome::Success,
            },
            Action::RemoveSandbox { .. } if bad => Fact::CleanupFailed { op, message },
            Action::RemoveSandbox { purge } => Fact::SandboxRemoved { op, purged: *purge },
            Action::PurgePod => Fact::PodPurged { op },
            Action::StopContainer {
                container, attempt, ..
            }
            | Action::KillContainer {
                container, attempt, ..
            } => w.exit_fact(container, *attempt, 137),
            Action::RunProbe { .. } => return,
        };
        w.fact(fact.clone());
        if which.is_multiple_of(7) {
            let before = w.pod.clone();
            w.fact(fact);
            assert_eq!(
                before.state(),
                w.pod.state(),
                "a repeated fact changes nothing"
            );
        }
    }

    proptest! {
        #[test]
        fn no_order_of_facts_breaks_an_invariant(
            policy in 0..3_usize, hooks in any::<bool>(), steps in prop::collection::vec((0..11_u8, 0..1000_usize), 1..120),
        ) {
            let policy = [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never][policy];
            let mut c1 = container("c1");
            if hooks {
                c1.lifecycle = Lifecycle { post_start: exec(), pre_stop: exec() };
            }
            let mut s = spec(policy, vec![c1, container("c2")]);
            s.init_containers = vec![container("i1")];
            let mut w = World::new(s);
            for (choice, which) in steps {
                if w.removed {
                    break;
                }
                play(&mut w, choice, which);
            }
            // Whatever happened, a deletion ends it when the driver answers.
            if !w.removed {
                w.delete(Some(1));
                for round in 0..200_usize {
                    if w.removed {
                        break;
                    }
                    w.owed = w.pod.owed().into_iter().map(|e| (e.op, e.action)).collect();
                    match w.owed.pop() {
                        Some((op, action)) => answer(&mut w, op, &action, 1 + round * 35),
                        None => w.pass(11),
                    }
                }
                prop_assert!(w.removed, "the pod goes: {:?}", w.pod.state());
            }
        }
    }
}
