//! Numbered invariants of a pod, asserted after every step in tests: of each state, and of each
//! step from one state to the next.

use crate::{
    Pod,
    state::{Activity, Class, Container, Purge, Sandbox, StopReason, StopStage},
    status::{ContainerState, ContainerStatus, PodStatus},
};

/// Collects what does not hold.
struct Judge(Vec<String>);

impl Judge {
    fn check(&mut self, number: u32, holds: bool, text: &str) {
        if !holds {
            self.0.push(format!("I{number}: {text}"));
        }
    }
}

/// Checks every invariant; answers the violated ones.
#[must_use]
pub fn violations(before: Option<&Pod>, after: &Pod) -> Vec<String> {
    let mut judge = Judge(Vec::new());
    of_pod(after, &mut judge);
    of_containers(after, &mut judge);
    if let Some(before) = before {
        of_step(before, after, &mut judge);
        of_container_steps(before, after, &mut judge);
    }
    judge.0
}

fn all(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let inits = status.init_containers.iter();
    inits
        .chain(&status.containers)
        .chain(&status.ephemeral_containers)
}

fn runs(pod: &Pod) -> bool {
    pod.state().containers.iter().any(Container::may_run)
}

fn of_pod(pod: &Pod, judge: &mut Judge) {
    let (status, state) = (pod.status(), pod.state());
    let running = |c: &ContainerStatus| matches!(c.state, ContainerState::Running { .. });
    let ended = status.phase.is_terminal();
    judge.check(
        1,
        !(ended && all(&status).any(running)),
        "no container runs after its pod ended",
    );
    let going = matches!(state.sandbox, Sandbox::Removing { .. } | Sandbox::Removed);
    judge.check(
        2,
        !(going && runs(pod)),
        "the sandbox outlives its containers",
    );
    judge.check(
        3,
        state.purge == Purge::Kept || pod.meta.deletion.is_some(),
        "files go only with deletion",
    );
    judge.check(
        4,
        !state.hidden || pod.meta.deletion.is_some_and(|d| d.grace == 0),
        "only what is deleted without grace is hidden",
    );
    let kinds: Vec<_> = status.conditions.iter().map(|c| &c.kind).collect();
    let unique = kinds
        .iter()
        .enumerate()
        .all(|(i, kind)| !kinds[..i].contains(kind));
    judge.check(5, unique, "one condition of each type");
    let mut seen = all(&status);
    judge.check(
        6,
        seen.all(|c| !c.ready || c.started != Some(true) || running(c)),
        "what is ready runs",
    );
}

fn of_containers(pod: &Pod, judge: &mut Judge) {
    let state = pod.state();
    let part = |c: &&Container| c.class != Class::Ephemeral;
    let starting = |c: &&Container| {
        let activity = &c.activity;
        matches!(
            activity,
            Activity::Pulling { .. } | Activity::Starting { .. }
        )
    };
    let list = || state.containers.iter();
    judge.check(
        7,
        list().filter(starting).count() <= 1 || state.ending.is_some(),
        "one container starts at a time",
    );
    let in_order = |c: &Container| {
        let exits = [&c.exit, &c.previous_exit].into_iter().flatten();
        exits
            .into_iter()
            .all(|f| f.exit.finished_at >= f.started_at)
    };
    judge.check(8, list().all(in_order), "an instance ends after it started");
    let live = |class| list().filter(part).any(|c| c.class == class && c.may_run());
    judge.check(
        9,
        !(live(Class::Init) && live(Class::Main)),
        "no regular container beside an init container",
    );
    let inits = list().filter(|c| c.class == Class::Init && c.may_run());
    judge.check(10, inits.count() <= 1, "one init container at a time");
    let lost = |c: &Container| {
        let (Some(instance), Some(attempt)) = (c.live(), c.attempt) else {
            return false;
        };
        instance.attempt != attempt
    };
    judge.check(
        11,
        !list().any(lost),
        "the newest instance is the one that lives",
    );
}

fn of_step(before: &Pod, after: &Pod, judge: &mut Judge) {
    let (old, new) = (before.status(), after.status());
    let came = !old.phase.is_terminal() && new.phase.is_terminal();
    judge.check(
        12,
        !old.phase.is_terminal() || old.phase == new.phase,
        "a terminal phase stays",
    );
    judge.check(
        13,
        !came || !runs(after),
        "a pod has ended when nothing runs",
    );
    judge.check(
        14,
        before.meta.deletion.is_none() || after.meta.deletion.is_some(),
        "a deletion is never undone",
    );
    let grace = |pod: &Pod| pod.meta.deletion.map(|deletion| deletion.grace);
    let shrinks = grace(before).is_none_or(|old| grace(after).is_some_and(|new| new <= old));
    judge.check(15, shrinks, "a grace period never grows");
    let (state, next) = (before.state(), after.state());
    judge.check(
        16,
        state.ending.is_none() || next.ending.is_some(),
        "an ending pod ends",
    );
    judge.check(
        17,
        state.next_op <= next.next_op,
        "operation numbers never fall",
    );
    judge.check(
        18,
        state.start_time.is_none() || state.start_time == next.start_time,
        "the start time stays",
    );
    judge.check(
        19,
        before.meta.generation <= after.meta.generation,
        "generations never fall",
    );
    judge.check(
        20,
        state.containers.len() <= next.containers.len(),
        "containers never vanish",
    );
}

fn of_container_steps(before: &Pod, after: &Pod, judge: &mut Judge) {
    let (old, new) = (&before.state().containers, &after.state().containers);
    for (a, b) in old.iter().zip(new) {
        let (count, next) = (a.restart_count(), b.restart_count());
        judge.check(
            21,
            count <= next && next <= count + 1,
            "restart counts rise one by one",
        );
        judge.check(
            22,
            a.exit.is_none() || b.exit.is_some(),
            "an end is never forgotten",
        );
        let idle = matches!(a.activity, Activity::Idle | Activity::Delayed { .. });
        let begins = matches!(b.activity, Activity::Pulling { .. });
        let ending = before.state().ending.is_some();
        judge.check(
            23,
            !(ending && idle && begins),
            "an ending pod starts nothing",
        );
        judge.check(
            24,
            !(ending && health(b) && !health(a)),
            "an ending pod kills nothing for its health",
        );
        judge.check(
            25,
            stage(a) <= stage(b) || a.attempt != b.attempt || b.live().is_none(),
            "a stop goes forward",
        );
    }
}

/// Whether it is being stopped for its health.
fn health(container: &Container) -> bool {
    let stop = container.live().and_then(|i| i.stop.as_ref());
    let reason = stop.map(|stop| stop.reason);
    matches!(
        reason,
        Some(StopReason::LivenessFailed | StopReason::StartupFailed)
    )
}

/// How far a stop has come.
fn stage(container: &Container) -> u8 {
    match container
        .live()
        .and_then(|i| i.stop.as_ref())
        .map(|s| &s.stage)
    {
        None => 0,
        Some(StopStage::PreStop) => 1,
        Some(StopStage::Ordered) => 2,
        Some(StopStage::Signalled { .. }) => 3,
        Some(StopStage::Killed { .. }) => 4,
    }
}
