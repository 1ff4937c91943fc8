//! The checker must see each kind of broken promise.

use std::slice::from_ref;

use super::*;
use crate::proto::{
    ContainerStatus, ContainerSubject, ObjectMeta, PhaseSubject, PodPhase, PodReference, PodStatus,
    SandboxSubject, Transition, TransitionSubject, transition_subject::Subject,
};

fn transition(revision: u64, subject: Subject, from: &str, to: &str) -> Transition {
    Transition {
        revision,
        subject: Some(TransitionSubject {
            subject: Some(subject),
        }),
        from: from.to_owned(),
        to: to.to_owned(),
        ..Transition::default()
    }
}

fn phase(revision: u64, from: &str, to: &str) -> Transition {
    transition(revision, Subject::Phase(PhaseSubject {}), from, to)
}

fn container(revision: u64, attempt: u32, from: &str, to: &str) -> Transition {
    let subject = ContainerSubject {
        name: "main".to_owned(),
        attempt,
        ..ContainerSubject::default()
    };
    transition(revision, Subject::Container(subject), from, to)
}

/// A frame of the pod `uid`, whose status shows the given phase and restart count.
fn frame(kind: ChangeKind, transitions: Vec<Transition>, shown: (PodPhase, i32)) -> PodChange {
    let revision = transitions[0].revision;
    let status = PodStatus {
        phase: shown.0.into(),
        container_statuses: vec![ContainerStatus {
            name: "main".to_owned(),
            restart_count: shown.1,
            ..ContainerStatus::default()
        }],
        ..PodStatus::default()
    };
    PodChange {
        revision,
        kind: kind.into(),
        pod_ref: Some(PodReference {
            name: "a".to_owned(),
            uid: "uid".to_owned(),
            ..PodReference::default()
        }),
        transitions,
        pod: Some(Pod {
            metadata: Some(ObjectMeta {
                uid: "uid".to_owned(),
                revision,
                ..ObjectMeta::default()
            }),
            status: Some(status),
            ..Pod::default()
        }),
        ..PodChange::default()
    }
}

fn begun() -> Checker {
    let mut checker = Checker::new(Scope::Everything);
    checker.accept(&WatchEvent::Reset(ResetReason::Started));
    checker.accept(&WatchEvent::SnapshotDone { revision: 6 });
    let born = frame(
        ChangeKind::Added,
        vec![phase(7, "", "Pending")],
        (PodPhase::Pending, 0),
    );
    accept(&mut checker, born);
    assert_eq!(checker.violations(), []);
    checker
}

fn accept(checker: &mut Checker, change: PodChange) {
    checker.accept(&WatchEvent::Change(Box::new(change)));
}

/// What is said of a frame that follows a pod's creation at revision 7.
fn fault_of(change: PodChange) -> (Guarantee, String) {
    let mut checker = begun();
    accept(&mut checker, change);
    only(&checker)
}

fn only(checker: &Checker) -> (Guarantee, String) {
    let [violation] = checker.violations() else {
        panic!("one violation: {:?}", checker.violations());
    };
    (violation.guarantee, violation.detail.clone())
}

/// The frame that follows the one of revision 7.
fn modified(transitions: Vec<Transition>, phase: PodPhase) -> PodChange {
    let mut change = frame(ChangeKind::Modified, transitions, (phase, 0));
    change.previous_revision = 7;
    change
}

#[test]
fn an_orderly_life_is_not_complained_about() {
    let mut checker = begun();
    // Revision 8 belongs to nobody this watch would be told of.
    let running = vec![phase(9, "Pending", "Running")];
    accept(&mut checker, modified(running, PodPhase::Running));
    checker.accept(&WatchEvent::Progress { revision: 12 });
    let done = vec![phase(13, "Running", "Failed")];
    let mut done = modified(done, PodPhase::Failed);
    done.previous_revision = 9;
    let pod = done.pod.clone().unwrap();
    accept(&mut checker, done);
    assert_eq!(checker.violations(), []);
    assert_eq!(checker.revision(), Some(13));
    assert_eq!(checker.compare_pods(&[pod]), []);
}

#[test]
fn a_missing_revision_of_a_pod_is_seen() {
    let mut skipped = modified(vec![phase(9, "Pending", "Running")], PodPhase::Running);
    skipped.previous_revision = 8;
    let (guarantee, text) = fault_of(skipped);
    assert_eq!(guarantee, Guarantee::Reliable);
    assert_eq!(text, "last told of at revision 7, but it changed at 8");
}

#[test]
fn a_missing_creation_is_seen() {
    let mut checker = begun();
    let mut stranger = modified(vec![phase(8, "", "")], PodPhase::Unspecified);
    stranger.pod_ref.as_mut().unwrap().uid = "other".to_owned();
    stranger.pod = None;
    accept(&mut checker, stranger);
    let (guarantee, text) = only(&checker);
    assert_eq!(guarantee, Guarantee::Reliable);
    assert_eq!(text, "Modified of a pod that was never told of");
}

#[test]
fn a_revision_that_comes_again_or_late_is_seen() {
    let again = modified(vec![phase(7, "Pending", "Pending")], PodPhase::Pending);
    assert_eq!(fault_of(again).0, Guarantee::Unique);
    let mut checker = Checker::new(Scope::Part);
    for revision in [5, 9, 8] {
        let mut change = modified(vec![phase(revision, "", "")], PodPhase::Unspecified);
        change.previous_revision = 0;
        accept(&mut checker, change);
    }
    assert_eq!(only(&checker).0, Guarantee::Ordered);
}

#[test]
fn a_revision_at_or_below_a_bookmark_is_seen() {
    let mut checker = begun();
    checker.accept(&WatchEvent::Progress { revision: 9 });
    let late = vec![phase(9, "Pending", "Running")];
    accept(&mut checker, modified(late, PodPhase::Running));
    assert_eq!(only(&checker).0, Guarantee::Bookmarkable);
    checker.accept(&WatchEvent::Progress { revision: 8 });
    let last = checker.violations().last().unwrap();
    assert_eq!(last.guarantee, Guarantee::Bookmarkable);
}

#[test]
fn a_new_beginning_is_told_apart_from_a_broken_resume() {
    let mut checker = begun();
    checker.accept(&WatchEvent::Reset(ResetReason::Expired));
    assert_eq!(checker.resets(), [ResetReason::Expired]);
    assert_eq!(checker.violations(), []);
    checker.accept(&WatchEvent::SnapshotDone { revision: 99 });
    checker.accept(&WatchEvent::Reset(ResetReason::Started));
    assert_eq!(only(&checker).0, Guarantee::Resumable);
}

#[test]
fn a_torn_chain_is_seen() {
    let (guarantee, text) = fault_of(modified(
        vec![phase(8, "Running", "Running")],
        PodPhase::Running,
    ));
    assert_eq!(guarantee, Guarantee::Complete);
    assert_eq!(
        text,
        "phase went from `Running` to `Running` but was `Pending`"
    );
    let creating = modified(
        vec![container(8, 0, "Creating", "Running")],
        PodPhase::Pending,
    );
    let mut checker = begun();
    accept(&mut checker, creating);
    let first = &checker.violations()[0];
    assert_eq!(first.guarantee, Guarantee::Complete);
    assert_eq!(first.detail, "container main begins with `Creating`");
}

#[test]
fn a_sandbox_may_begin_absent() {
    let mut checker = begun();
    let subject = Subject::Sandbox(SandboxSubject::default());
    let first = transition(8, subject, "Absent", "Creating");
    accept(&mut checker, modified(vec![first], PodPhase::Pending));
    assert_eq!(checker.violations(), []);
}

#[test]
fn a_split_revision_is_seen() {
    let mut second = phase(8, "Pending", "Running");
    second.index = 1;
    let (guarantee, text) = fault_of(modified(vec![second], PodPhase::Running));
    assert_eq!(guarantee, Guarantee::Atomic);
    assert_eq!(text, "transition 0 says it is 8/1");
}

#[test]
fn a_pod_that_is_not_what_was_told_is_seen() {
    let (guarantee, text) = fault_of(modified(
        vec![phase(8, "Pending", "Running")],
        PodPhase::Pending,
    ));
    assert_eq!(guarantee, Guarantee::Atomic);
    assert_eq!(text, "phase is shown as `Pending`, told as `Running`");
}

#[test]
fn falling_counts_are_seen() {
    let mut checker = begun();
    for (revision, count) in [(8, 2), (9, 1)] {
        let same = vec![phase(revision, "Pending", "Pending")];
        let change = frame(ChangeKind::Modified, same, (PodPhase::Pending, count));
        accept(&mut checker, change);
    }
    let text = "restart count of main fell from 2 to 1".to_owned();
    assert_eq!(only(&checker), (Guarantee::Lifecycle, text));
}

#[test]
fn a_terminal_phase_that_reverts_is_seen() {
    let mut checker = begun();
    let failed = modified(vec![phase(8, "Pending", "Failed")], PodPhase::Failed);
    accept(&mut checker, failed);
    let mut running = modified(vec![phase(9, "Failed", "Running")], PodPhase::Running);
    running.previous_revision = 8;
    accept(&mut checker, running);
    let text = "Failed became Running".to_owned();
    assert_eq!(only(&checker), (Guarantee::Lifecycle, text));
}

#[test]
fn an_early_removal_and_a_life_after_it_are_seen() {
    let mut checker = begun();
    let gone = frame(
        ChangeKind::Deleted,
        vec![phase(8, "Pending", "Pending")],
        (PodPhase::Pending, 0),
    );
    accept(&mut checker, gone);
    let text = "removed in phase Pending".to_owned();
    assert_eq!(only(&checker), (Guarantee::Lifecycle, text));
    let after = modified(vec![phase(9, "Pending", "Pending")], PodPhase::Pending);
    accept(&mut checker, after);
    let details: Vec<_> = checker.violations().iter().map(|v| &*v.detail).collect();
    assert!(details.contains(&"something happened after the end"));
}

#[test]
fn a_list_that_differs_is_seen() {
    let checker = begun();
    let missing = checker.compare_pods(&[]);
    assert_eq!(missing[0].detail, "the watch shows it, and it is not there");
    let later = frame(
        ChangeKind::Modified,
        vec![phase(8, "", "")],
        (PodPhase::Running, 0),
    );
    let differing = checker.compare_pods(&[later.pod.unwrap()]);
    assert_eq!(differing.len(), 2, "{differing:?}");
}

#[test]
fn history_that_differs_is_seen() {
    let (one, other) = (
        phase(8, "Pending", "Running"),
        phase(9, "Running", "Failed"),
    );
    assert_eq!(compare(from_ref(&one), from_ref(&one)), []);
    assert_eq!(
        compare(from_ref(&one), &[one.clone(), other.clone()]).len(),
        1
    );
    assert_eq!(compare(&[one.clone(), other], from_ref(&one)).len(), 1);
    assert_eq!(compare(&[phase(8, "", "Running")], &[one]).len(), 1);
}
