//! `lifepodd store` through the real binary.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use lifepod_lifecycle::{
    NewPod, Pod, Settings,
    id::{PodKey, PodUid, Revision},
    port::{Journal as _, Record},
    spec::{ContainerSpec, PodSpec},
    time::Timestamp,
    transition::{Cause, CauseKind},
};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions},
};
use tempfile::TempDir;

const RECORDS: u64 = 20;

fn record(revision: u64) -> Arc<Record> {
    let new = NewPod {
        key: PodKey::new("default", &format!("pod-{revision}")),
        uid: PodUid::from(&*format!("00000000-0000-0000-0000-{revision:012}")),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        spec: PodSpec {
            containers: vec![ContainerSpec {
                name: "main".into(),
                image: "busybox".into(),
                ..ContainerSpec::default()
            }],
            ..PodSpec::default()
        },
        node: "node".into(),
    };
    let mut pod = Pod::create(new, Timestamp(1));
    let verdict = pod.begin(
        &Settings::default(),
        Timestamp(1),
        Cause::of(CauseKind::Request),
    );
    pod.revision = Revision(revision);
    Arc::new(Record {
        revision: pod.revision,
        committed_at: Timestamp(1),
        pod: Arc::new(pod),
        previous: Revision(0),
        removed: false,
        transitions: verdict.transitions,
        request: None,
    })
}

/// A data directory whose journal was not closed, so that all its records are needed.
fn data() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = RealDisk::new(folder.path().join("journal")).expect("a directory");
    let mut journal = DurableJournal::open(Arc::new(disk), JournalOptions::default(), Timestamp(1))
        .expect("a store");
    for revision in 1..=RECORDS {
        journal.commit(&[record(revision)]).expect("a commit");
    }
    drop(journal);
    folder
}

fn lifepodd(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifepodd"))
        .arg("store")
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .expect("lifepodd runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Turns a bit in the middle of the records.
fn damage(data: &Path) {
    let segment = data.join("journal/journal/00000000000000000001.log");
    let mut bytes = fs::read(&segment).expect("the first segment");
    bytes[8000] ^= 1;
    fs::write(&segment, bytes).expect("written");
}

#[test]
fn a_sound_store_is_checked_exported_and_compacted() {
    let data = data();
    let checked = lifepodd(data.path(), &["check"]);
    assert!(checked.status.success(), "{}", err(&checked));
    let text = out(&checked);
    assert!(text.contains("revisions 1 to 20, 20 commits"), "{text}");
    assert!(text.ends_with("sound\n"), "{text}");

    let exported = lifepodd(data.path(), &["export"]);
    assert!(exported.status.success(), "{}", err(&exported));
    let lines: Vec<_> = out(&exported).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 20);
    assert!(lines[6].contains("\"pod-7\""), "{}", lines[6]);

    let compacted = lifepodd(data.path(), &["compact", "--keep-revisions", "1"]);
    assert!(compacted.status.success(), "{}", err(&compacted));
    let again = lifepodd(data.path(), &["check"]);
    let text = out(&again);
    assert!(
        text.contains("checkpoint at revision 20: 20 entries"),
        "{text}"
    );
}

#[test]
fn a_damaged_store_is_reported_and_salvaged() {
    let data = data();
    damage(data.path());
    let checked = lifepodd(data.path(), &["check"]);
    assert!(!checked.status.success());
    assert!(
        out(&checked).contains("damaged at byte"),
        "{}",
        out(&checked)
    );
    assert!(err(&checked).contains("docs/runbooks/damaged-store.md"));
    let exported = lifepodd(data.path(), &["export"]);
    assert!(
        !exported.status.success(),
        "an export with a gap is no success"
    );
    assert!(out(&exported).contains("\"damage\""));

    let target = data.path().join("new");
    let into = target.to_string_lossy().into_owned();
    let salvaged = lifepodd(data.path(), &["salvage", "--into", &into]);
    assert!(salvaged.status.success(), "{}", err(&salvaged));
    assert!(out(&salvaged).contains("later records are not taken over"));
    let rechecked = lifepodd(data.path(), &["check", "--dir", &into]);
    assert!(rechecked.status.success(), "{}", err(&rechecked));
    let twice = lifepodd(data.path(), &["salvage", "--into", &into]);
    assert!(err(&twice).contains("is not empty"), "{}", err(&twice));
}

#[test]
fn what_is_no_store_is_said_to_be_none_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in ["check", "export", "compact"] {
        let answer = lifepodd(folder.path(), &[command]);
        assert!(!answer.status.success());
        assert!(err(&answer).contains("no store in"), "{}", err(&answer));
    }
    assert_eq!(folder.path().read_dir().expect("readable").count(), 0);
}
