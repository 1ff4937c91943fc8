//! Numbered invariants of a pod, asserted after every step in tests.

use crate::{
    Pod,
    state::{Activity, Container, Purge, Sandbox},
    status::ContainerState,
};

/// Checks every invariant; answers the violated ones.
#[must_use]
pub fn violations(before: Option<&Pod>, after: &Pod) -> Vec<String> {
    let mut list = Vec::new();
    let mut check = |number: u32, holds: bool, text: &str| {
        if !holds {
            list.push(format!("I{number}: {text}"));
        }
    };
    let status = after.status();
    let running = status
        .containers
        .iter()
        .chain(&status.init_containers)
        .any(|c| matches!(c.state, ContainerState::Running { .. }));
    let state = after.state();
    let runs = state.containers.iter().any(Container::may_run);
    check(
        1,
        !(status.phase.is_terminal() && running),
        "no container runs after its pod ended",
    );
    check(
        2,
        !(matches!(state.sandbox, Sandbox::Removing { .. } | Sandbox::Removed) && runs),
        "the sandbox outlives its containers",
    );
    check(
        3,
        state.purge == Purge::Kept || after.meta.deletion.is_some(),
        "files go only with deletion",
    );
    check(
        4,
        starting(after) <= 1 || state.ending.is_some(),
        "one container starts at a time",
    );
    check(
        5,
        state.containers.iter().all(|c| {
            c.exit
                .as_ref()
                .is_none_or(|f| f.exit.finished_at >= f.started_at)
        }),
        "an instance ends after it started",
    );
    let Some(before) = before else { return list };
    let old = before.status();
    check(
        6,
        !old.phase.is_terminal() || old.phase == status.phase,
        "a terminal phase stays",
    );
    check(
        7,
        before.meta.deletion.is_none() || after.meta.deletion.is_some(),
        "a deletion is never undone",
    );
    check(
        8,
        before
            .state()
            .containers
            .iter()
            .zip(&state.containers)
            .all(|(a, b)| a.restart_count() <= b.restart_count()),
        "restart counts never fall",
    );
    check(
        9,
        before.state().ending.is_none() || state.ending.is_some(),
        "an ending pod ends",
    );
    check(
        10,
        before.state().next_op <= state.next_op,
        "operation numbers never fall",
    );
    list
}

fn starting(pod: &Pod) -> usize {
    let mains = pod.state().containers.iter();
    mains
        .filter(|c| {
            matches!(
                c.activity,
                Activity::Pulling { .. } | Activity::Starting { .. }
            )
        })
        .count()
}
