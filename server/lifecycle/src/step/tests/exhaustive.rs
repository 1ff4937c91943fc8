//! A small world, wholly explored: a pod with two regular containers and a sidecar, whose driver
//! answers in every order, whose containers exit in every order, deleted at every point.
//!
//! Two states are one if they differ only in numbers of operations and absolute times. Time goes on
//! only when nothing else can happen: what happens at one moment happens in every order.

use std::collections::{BTreeSet, VecDeque};

use super::{
    driver::{Move, Play},
    *,
};
use crate::state::Activity;

/// Exits of one container that are tried; after that it runs on.
const EXITS: u32 = 2;

/// Everything that decides what can happen next.
fn key(play: &Play) -> String {
    let state = play.pod.state();
    let mut key = format!(
        "{:?} {:?} {:?} {:?} {:?} {} {} {} {}",
        play.timer.map(|due| due.since(play.now)),
        std::mem::discriminant(&state.sandbox),
        state.ending,
        play.pod.meta.deletion.map(|d| d.grace),
        state.purge,
        state.initialized,
        state.restarting_all,
        state.hidden,
        play.pod.status().phase.as_str(),
    );
    for c in &state.containers {
        let activity = match &c.activity {
            Activity::Delayed { until } => format!("D{:?}", until.since(play.now)),
            Activity::Live(i) => {
                let stop = i.stop.as_ref().map(|stop| {
                    let left = stop.deadline.since(play.now);
                    (std::mem::discriminant(&stop.stage), stop.reason, left)
                });
                let hooks = [&i.post_start, &i.pre_stop].map(std::mem::discriminant);
                format!("L{stop:?}{hooks:?}{:?}", i.ended.is_some())
            }
            other => format!("{:?}", std::mem::discriminant(other)),
        };
        let exit = c
            .exit
            .as_ref()
            .map(|e| (e.exit.status.code, e.stopped, e.rerun));
        let shown = c.shown.as_ref().map(|shown| &shown.reason);
        let delay = c.crash.map(|entry| entry.delay);
        key += &format!(" {activity} {:?} {exit:?} {shown:?} {delay:?}", c.attempt);
    }
    let mut flying: Vec<_> = play
        .flying
        .iter()
        .map(|(_, action)| format!("{action:?}"))
        .collect();
    flying.sort();
    key + &flying.join(" ")
}

/// Every move that makes sense here.
fn moves(play: &Play) -> Vec<Move> {
    let mut moves = Vec::new();
    for (index, (_, action)) in play.flying.iter().enumerate() {
        moves.push(Move::Succeed(index));
        let may_fail = match action {
            Action::StartContainer { attempt, .. } => *attempt == 0,
            Action::StopContainer { .. } | Action::RunHook { .. } => true,
            _ => false,
        };
        if may_fail {
            moves.push(Move::Fail(index));
        }
    }
    for (index, (name, attempt)) in play.running().iter().enumerate() {
        if *attempt < EXITS {
            moves.push(Move::Exit(index, 0));
            if name != "c2" {
                moves.push(Move::Exit(index, 1));
            }
        }
    }
    if moves.is_empty() {
        moves.push(Move::Wait);
    }
    moves
}

fn explore(policy: RestartPolicy) -> usize {
    let mut c1 = container("c1");
    c1.lifecycle.pre_stop = exec();
    let mut spec = spec(policy, vec![c1, container("c2")]);
    spec.init_containers = vec![sidecar("s1")];
    spec.termination_grace_period = Duration::from_secs(5);
    let first = Play::new(spec);
    let mut seen = BTreeSet::from([key(&first)]);
    let mut open = VecDeque::from([first]);
    let mut goes = BTreeSet::new();
    while let Some(play) = open.pop_front() {
        if play.removed {
            continue;
        }
        let deleted = play.pod.meta.deletion.is_some();
        let delete = (!deleted).then_some(Move::Delete(5));
        if delete.is_none() {
            play.clone().finish_unless(|play| !goes.insert(key(play)));
        }
        for next in moves(&play).into_iter().chain(delete) {
            let mut after = play.clone();
            after.make(next);
            if seen.insert(key(&after)) {
                open.push_back(after);
            }
        }
    }
    seen.len()
}

#[test]
fn every_order_of_a_small_world_keeps_the_rules_under_never() {
    let states = explore(RestartPolicy::Never);
    println!("{states} states");
    assert!(states > 1000, "the world is not trivial: {states}");
}

#[test]
fn every_order_of_a_small_world_keeps_the_rules_under_on_failure() {
    let states = explore(RestartPolicy::OnFailure);
    println!("{states} states");
    assert!(states > 1000, "the world is not trivial: {states}");
}
