//! What one step of the rules costs: time and allocations, by kind of step, and for a whole life of a
//! pod. No store, no engine, no runtime: the bench plays the driver and answers at once.
//!
//! Its own small harness, because allocations are counted beside the time.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]
#![expect(clippy::print_stdout, reason = "its table is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it times the steps from outside")]

use std::{
    alloc::System,
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use lifepod_lifecycle::{
    NewPod, Pod, Settings, Verdict,
    effect::{Action, Effect},
    id::{PodKey, PodUid},
    input::{Command, Exit, Fact, ImageSource, Input, Outcome},
    spec::{ContainerSpec, Handler, PodSpec, Probe, RestartPolicy},
    time::Timestamp,
    transition::{Cause, ExitStatus, Observation},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 20_000;
const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn container(name: &str, probed: bool) -> ContainerSpec {
    let probe = Probe {
        handler: Handler::Exec {
            command: vec!["true".into()],
        },
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace_period: None,
    };
    ContainerSpec {
        name: name.into(),
        image: "registry.example/app:1".into(),
        readiness_probe: probed.then_some(probe),
        ..ContainerSpec::default()
    }
}

fn pod(probed: bool) -> Pod {
    let spec = PodSpec {
        containers: vec![container("main", probed)],
        restart_policy: RestartPolicy::Never,
        termination_grace_period: Duration::from_secs(30),
        ..PodSpec::default()
    };
    let new = NewPod {
        key: PodKey::new("default", "web"),
        uid: PodUid::from("00000000-0000-4000-8000-000000000000"),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        spec,
        node: "node".into(),
    };
    Pod::create(new, NOW)
}

/// A driver that answers at once and well.
fn answer(effect: &Effect) -> Option<Fact> {
    let op = effect.op;
    Some(match &effect.action {
        Action::CreateSandbox { .. } => Fact::SandboxReady {
            op,
            ips: vec!["10.0.0.2".parse().unwrap()],
        },
        Action::EnsureImage { .. } => Fact::ImageReady {
            op,
            image_id: "sha256:1".into(),
            image_ref: "app@sha256:1".into(),
            source: ImageSource::Present,
        },
        Action::StartContainer { .. } => Fact::ContainerStarted {
            op,
            container_id: "c".into(),
            at: NOW,
        },
        Action::RemoveSandbox { purge } => Fact::SandboxRemoved { op, purged: *purge },
        Action::PurgePod => Fact::PodPurged { op },
        _ => return None,
    })
}

fn exit() -> Fact {
    let status = ExitStatus::default();
    Fact::ContainerExited {
        container: "main".into(),
        attempt: 0,
        container_id: "c".into(),
        started_at: NOW,
        exit: Exit {
            status,
            finished_at: NOW,
            message: String::new(),
        },
        observation: Observation::Direct,
    }
}

/// Steps a pod until its driver has nothing left to do. The number of steps.
fn follow(pod: &mut Pod, first: Verdict) -> usize {
    let settings = Settings::default();
    let (mut steps, mut verdict) = (1, first);
    let mut effects = std::mem::take(&mut verdict.effects);
    loop {
        let input = if verdict.more {
            Input::Continue(Cause::default())
        } else if let Some(fact) = effects.pop().as_ref().and_then(answer) {
            Input::Fact(fact)
        } else {
            return steps;
        };
        verdict = pod.step(&settings, NOW, &input).unwrap();
        effects.append(&mut verdict.effects);
        steps += 1;
    }
}

fn running(probed: bool) -> Pod {
    let mut pod = pod(probed);
    let first = pod.begin(&Settings::default(), NOW, Cause::default());
    follow(&mut pod, first);
    pod
}

/// From creation over its exit to its removal.
fn life() -> usize {
    let settings = Settings::default();
    let mut pod = pod(false);
    let first = pod.begin(&settings, NOW, Cause::default());
    let mut steps = follow(&mut pod, first);
    let ended = pod.step(&settings, NOW, &Input::Fact(exit())).unwrap();
    steps += follow(&mut pod, ended);
    let delete = Input::Command(Command::Delete { grace: None }, Cause::default());
    let deleted = pod.step(&settings, NOW, &delete).unwrap();
    steps + follow(&mut pod, deleted)
}

/// Times a step on fresh copies of a pod; copies are neither timed nor counted.
fn row(name: &str, pod: &Pod, now: Timestamp, input: &Input) {
    let settings = Settings::default();
    let mut pods: Vec<_> = (0..ROUNDS).map(|_| pod.clone()).collect();
    let mut verdicts = Vec::with_capacity(ROUNDS);
    let (region, began) = (Region::new(ALLOCATOR), Instant::now());
    for pod in &mut pods {
        verdicts.push(black_box(pod.step(&settings, now, black_box(input))));
    }
    let (took, allocations) = (began.elapsed(), region.change().allocations);
    print(name, ROUNDS, took, allocations);
}

fn print(name: &str, steps: usize, took: Duration, allocations: usize) {
    let per = |total: f64| total / steps as f64;
    println!(
        "{name:<44} {:>8.0} ns/step {:>7.1} allocations/step",
        per(took.as_nanos() as f64),
        per(allocations as f64)
    );
}

fn main() {
    let quiet = running(false);
    row("tick, nothing due", &quiet, NOW, &Input::Tick);
    row(
        "late fact",
        &quiet,
        NOW,
        &Input::Fact(Fact::ContactRestored),
    );
    let probed = running(true);
    let owed = probed.owed();
    let op = owed
        .iter()
        .find(|e| matches!(e.action, Action::RunProbe { .. }))
        .unwrap()
        .op;
    let answered = |outcome| Input::Fact(Fact::ProbeFinished { op, outcome });
    row(
        "first success of a probe (a revision)",
        &probed,
        NOW,
        &answered(Outcome::Success),
    );
    let message = "no".into();
    let failure = answered(Outcome::Failure { message });
    row(
        "failure of a probe below its threshold",
        &probed,
        NOW,
        &failure,
    );
    row("exit", &quiet, NOW, &Input::Fact(exit()));
    let delete = Input::Command(Command::Delete { grace: None }, Cause::default());
    row("deletion", &quiet, NOW, &delete);

    let (region, began) = (Region::new(ALLOCATOR), Instant::now());
    let steps: usize = (0..ROUNDS).map(|_| black_box(life())).sum();
    let (took, allocations) = (began.elapsed(), region.change().allocations);
    print(
        "whole life: created, ran, exited, removed",
        steps,
        took,
        allocations,
    );
    let lives = ROUNDS as f64 / took.as_secs_f64();
    println!("{lives:.0} lives/s of {} steps each", steps / ROUNDS);
}
