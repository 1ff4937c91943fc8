//! The checker must see each kind of broken promise.

use super::*;
use lifepod_client::proto::{
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
    assert_eq!(checker.broken(), [""; 0]);
    checker
}

fn accept(checker: &mut Checker, change: PodChange) {
    checker.accept(&WatchEvent::Change(Box::new(change)));
}

fn fault_of(change: PodChange) -> String {
    let mut checker = begun();
    accept(&mut checker, change);
    checker.broken().join("; ")
}

fn modified(transitions: Vec<Transition>, phase: PodPhase) -> PodChange {
    frame(ChangeKind::Modified, transitions, (phase, 0))
}

#[test]
fn an_orderly_life_is_not_complained_about() {
    let mut checker = begun();
    let running = vec![phase(8, "Pending", "Running")];
    accept(&mut checker, modified(running, PodPhase::Running));
    checker.accept(&WatchEvent::Progress { revision: 8 });
    let done = vec![phase(9, "Running", "Failed")];
    accept(&mut checker, modified(done, PodPhase::Failed));
    assert_eq!(checker.broken(), [""; 0]);
    assert_eq!(checker.revision(), Some(9));
}

#[test]
fn a_missing_and_a_repeated_revision_are_seen() {
    let skipped = modified(vec![phase(9, "Pending", "Running")], PodPhase::Running);
    assert_eq!(fault_of(skipped), "nothing between revisions 7 and 9");
    let repeated = modified(vec![phase(7, "Pending", "Running")], PodPhase::Running);
    assert_eq!(fault_of(repeated), "revision 7 after 7");
}

#[test]
fn progress_past_what_was_told_is_seen() {
    let mut checker = begun();
    checker.accept(&WatchEvent::Progress { revision: 9 });
    assert_eq!(checker.broken(), ["nothing was told between 7 and 9"]);
}

#[test]
fn a_part_may_miss_revisions_but_not_their_order() {
    let mut checker = Checker::new(Scope::Part);
    for revision in [5, 9, 8] {
        accept(
            &mut checker,
            modified(vec![phase(revision, "", "")], PodPhase::Unspecified),
        );
    }
    assert_eq!(checker.broken(), ["revision 8 after 9"]);
}

#[test]
fn a_new_beginning_is_seen() {
    let mut checker = begun();
    checker.accept(&WatchEvent::Reset(ResetReason::Expired));
    assert_eq!(checker.broken(), ["the watch began anew: Expired"]);
}

#[test]
fn a_torn_chain_is_seen() {
    let fault = fault_of(modified(
        vec![phase(8, "Running", "Running")],
        PodPhase::Running,
    ));
    assert!(
        fault.contains("phase went from `Running` to `Running` but was `Pending`"),
        "{fault}"
    );
    let fault = fault_of(modified(
        vec![container(8, 0, "Creating", "Running")],
        PodPhase::Pending,
    ));
    assert!(
        fault.contains("container main begins with `Creating`"),
        "{fault}"
    );
    let subject = Subject::Sandbox(SandboxSubject::default());
    let first = transition(8, subject, "Absent", "Creating");
    assert_eq!(fault_of(modified(vec![first], PodPhase::Pending)), "");
}

#[test]
fn a_pod_that_is_not_what_was_told_is_seen() {
    let fault = fault_of(modified(
        vec![phase(8, "Pending", "Running")],
        PodPhase::Pending,
    ));
    assert!(fault.contains("phase is shown as `Pending`"), "{fault}");
}

#[test]
fn falling_counts_are_seen() {
    let mut checker = begun();
    let twice = frame(
        ChangeKind::Modified,
        vec![phase(8, "Pending", "Pending")],
        (PodPhase::Pending, 2),
    );
    let once = frame(
        ChangeKind::Modified,
        vec![phase(9, "Pending", "Pending")],
        (PodPhase::Pending, 1),
    );
    accept(&mut checker, twice);
    accept(&mut checker, once);
    assert_eq!(
        checker.broken(),
        ["a at revision 9: restart count of main fell from 2 to 1"]
    );
}

#[test]
fn a_terminal_phase_that_reverts_is_seen() {
    let mut checker = begun();
    accept(
        &mut checker,
        modified(vec![phase(8, "Pending", "Failed")], PodPhase::Failed),
    );
    accept(
        &mut checker,
        modified(vec![phase(9, "Failed", "Running")], PodPhase::Running),
    );
    assert_eq!(checker.broken(), ["a at revision 9: Failed became Running"]);
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
    accept(
        &mut checker,
        modified(vec![phase(9, "Pending", "Pending")], PodPhase::Pending),
    );
    assert_eq!(
        checker.broken(),
        [
            "a at revision 8: removed in phase Pending",
            "a at revision 9: something happened after the end",
        ]
    );
}
