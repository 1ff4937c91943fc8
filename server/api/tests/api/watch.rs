//! WatchPods: order of frames, resumption, selection, ends.

use std::sync::atomic::Ordering;

use lifepod_proto::v1 as proto;
use proto::{ChangeKind, watch_pods_request::Start, watch_pods_response::Frame};
use tonic::{Code, Streaming};

use crate::support::{Server, failure, journal::MemoryJournal, metadata, pod, soon, with_labels};

fn from(start: Start) -> proto::WatchPodsRequest {
    proto::WatchPodsRequest {
        start: Some(start),
        ..proto::WatchPodsRequest::default()
    }
}

fn snapshot() -> proto::WatchPodsRequest {
    from(Start::Snapshot(proto::SnapshotStart {}))
}

fn now() -> proto::WatchPodsRequest {
    from(Start::Now(proto::NowStart {}))
}

fn labelled(mut request: proto::WatchPodsRequest, labels: &str) -> proto::WatchPodsRequest {
    request.selector = Some(proto::PodSelector {
        label_selector: labels.to_owned(),
        ..proto::PodSelector::default()
    });
    request
}

struct Watch(Streaming<proto::WatchPodsResponse>);

impl Watch {
    async fn open(server: &Server, request: proto::WatchPodsRequest) -> Self {
        let stream = soon(server.pods().watch_pods(request)).await;
        Self(stream.expect("opens").into_inner())
    }

    async fn next(&mut self) -> Frame {
        let message = soon(self.0.message()).await.expect("no error");
        message.expect("no end").frame.expect("always set")
    }

    async fn started(&mut self) -> proto::WatchStarted {
        match self.next().await {
            Frame::Started(started) => started,
            other => panic!("{other:?}"),
        }
    }

    /// The next change; progress frames are passed over.
    async fn change(&mut self) -> proto::PodChange {
        loop {
            match self.next().await {
                Frame::Change(change) => return change,
                Frame::Progress(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn until(&mut self, kind: ChangeKind) -> Vec<proto::PodChange> {
        let mut changes = Vec::new();
        loop {
            let change = self.change().await;
            let last = change.kind() == kind;
            changes.push(change);
            if last {
                return changes;
            }
        }
    }
}

async fn label(server: &Server, name: &str, labels: &[(&str, &str)]) {
    let update = proto::UpdatePodRequest {
        pod: Some(proto::Pod {
            spec: None,
            ..with_labels(pod(name), labels)
        }),
        ..proto::UpdatePodRequest::default()
    };
    soon(server.pods().update_pod(update))
        .await
        .expect("updated");
}

async fn delete(server: &Server, name: &str) {
    let delete = proto::DeletePodRequest {
        name: name.to_owned(),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(delete))
        .await
        .expect("deleted");
}

#[tokio::test]
async fn a_snapshot_start_tells_the_pods_then_progress_then_changes() {
    let server = Server::start().await;
    server.running("b").await;
    server.running("a").await;
    let mut watch = Watch::open(&server, snapshot()).await;
    let started = watch.started().await;
    assert_eq!(started.epoch, crate::support::journal::EPOCH);
    assert_eq!(started.view(), proto::PodView::Full);
    assert_eq!(started.progress_interval.unwrap().seconds, 30);
    for name in ["a", "b"] {
        let Frame::SnapshotPod(told) = watch.next().await else {
            panic!("a pod of the snapshot");
        };
        assert_eq!(told.pod.unwrap().metadata.unwrap().name, name);
    }
    let Frame::SnapshotDone(done) = watch.next().await else {
        panic!("the end of the snapshot");
    };
    assert_eq!(done.revision, started.revision);
    let Frame::Progress(progress) = watch.next().await else {
        panic!("progress right after catching up");
    };
    assert_eq!(progress.revision, done.revision);
    server.create(pod("c")).await;
    let change = watch.change().await;
    assert_eq!(change.kind(), ChangeKind::Added);
    assert_eq!(change.revision, done.revision + 1);
}

#[tokio::test]
async fn no_revision_is_missing_and_every_transition_is_told() {
    let server = Server::start().await;
    let mut watch = Watch::open(&server, now()).await;
    let began = watch.started().await.revision;
    let uid = server.running("web").await;
    server.runtime.exit(&uid, "c", 3).await;
    server.phase("web", "Failed").await;
    delete(&server, "web").await;
    let changes = watch.until(ChangeKind::Deleted).await;
    assert_eq!(changes[0].kind(), ChangeKind::Added);
    let revisions: Vec<_> = changes.iter().map(|c| c.revision).collect();
    let expected: Vec<_> = (began + 1..=began + changes.len() as u64).collect();
    assert_eq!(revisions, expected, "one pod, so every revision is its");
    let previous: Vec<_> = changes.iter().map(|c| c.previous_revision).collect();
    let mut before = vec![0];
    before.extend_from_slice(&expected[..expected.len() - 1]);
    assert_eq!(previous, before, "each names the one before it");
    let phases: Vec<_> = changes
        .iter()
        .flat_map(|c| &c.transitions)
        .filter(|t| {
            let subject = t.subject.as_ref().unwrap().subject.as_ref().unwrap();
            matches!(subject, proto::transition_subject::Subject::Phase(_))
        })
        .map(|t| t.to.as_str())
        .collect();
    assert_eq!(phases, ["Pending", "Running", "Failed"]);
    let exit = changes
        .iter()
        .flat_map(|c| &c.transitions)
        .find_map(|t| t.exit);
    assert_eq!(exit.unwrap().code, 3);
    for change in &changes {
        let pod = change.pod.as_ref().unwrap();
        assert_eq!(pod.metadata.as_ref().unwrap().revision, change.revision);
        assert!(change.committed_at.is_some() && !change.resume_token.is_empty());
    }
}

#[tokio::test]
async fn a_token_resumes_without_gap_or_overlap_even_after_a_restart() {
    let server = Server::start().await;
    let mut watch = Watch::open(&server, now()).await;
    watch.started().await;
    server.running("a").await;
    let token = watch.change().await.resume_token;
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.push(watch.change().await.revision);
    }
    // More than the engine's tail keeps in memory.
    for number in 0..10 {
        server.running(&format!("p{number}")).await;
    }
    let mut again = Watch::open(&server, from(Start::ResumeToken(token.clone()))).await;
    again.started().await;
    for revision in &rest {
        assert_eq!(again.change().await.revision, *revision);
    }
    let (journal, runtime, dir) = server.stop().await;
    let server = Server::on(lifepod_api::Limits::default(), journal, runtime, dir).await;
    let mut resumed = Watch::open(&server, from(Start::ResumeToken(token))).await;
    resumed.started().await;
    for revision in &rest {
        assert_eq!(resumed.change().await.revision, *revision);
    }
}

#[tokio::test]
async fn tokens_of_lists_and_mutations_begin_a_watch() {
    let server = Server::start().await;
    let created = server.create(pod("web")).await;
    let list = soon(server.pods().list_pods(proto::ListPodsRequest::default())).await;
    let list = list.unwrap().into_inner();
    let mut after_create =
        Watch::open(&server, from(Start::ResumeToken(created.resume_token))).await;
    let revision = created.pod.unwrap().metadata.unwrap().revision;
    assert_eq!(after_create.started().await.revision, revision);
    let mut after_list =
        Watch::open(&server, from(Start::ResumeToken(list.resume_token.clone()))).await;
    assert_eq!(after_list.started().await.revision, list.revision);

    let narrower = labelled(from(Start::ResumeToken(list.resume_token)), "app=web");
    let (code, reason, _) = failure(soon(server.pods().watch_pods(narrower)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "SELECTOR_MISMATCH")
    );
}

#[tokio::test]
async fn pods_enter_and_leave_a_label_selector() {
    let server = Server::start().await;
    server.running("web").await;
    let mut watch = Watch::open(&server, labelled(snapshot(), "tier=a")).await;
    let started = watch.started().await;
    assert_eq!(started.selector.unwrap().label_selector, "tier=a");
    label(&server, "web", &[("tier", "a")]).await;
    label(&server, "web", &[("tier", "a"), ("x", "y")]).await;
    label(&server, "web", &[("tier", "b")]).await;
    label(&server, "web", &[("tier", "c")]).await;
    label(&server, "web", &[("tier", "a")]).await;
    server
        .create(with_labels(pod("other"), &[("tier", "a")]))
        .await;
    let mut kinds = Vec::new();
    let Frame::SnapshotDone(_) = watch.next().await else {
        panic!("nothing is selected yet");
    };
    while kinds.last() != Some(&ChangeKind::Added) {
        kinds.push(watch.change().await.kind());
    }
    assert_eq!(
        kinds,
        [
            ChangeKind::Entered,
            ChangeKind::Modified,
            ChangeKind::Left,
            ChangeKind::Entered,
            ChangeKind::Added,
        ]
    );
}

#[tokio::test]
async fn a_resumed_watch_knows_what_was_selected_before() {
    let server = Server::start().await;
    let mut watch = Watch::open(&server, labelled(now(), "tier=a")).await;
    watch.started().await;
    server
        .create(with_labels(pod("web"), &[("tier", "a")]))
        .await;
    let token = watch.change().await.resume_token;
    server.phase("web", "Running").await;
    label(&server, "web", &[("tier", "b")]).await;
    let resume = labelled(from(Start::ResumeToken(token)), "tier=a");
    let mut resumed = Watch::open(&server, resume.clone()).await;
    resumed.started().await;
    let seen = resumed.until(ChangeKind::Left).await;
    assert!(
        seen[..seen.len() - 1]
            .iter()
            .all(|c| c.kind() == ChangeKind::Modified)
    );
    let before_leaving = &seen[seen.len() - 2].resume_token;

    // The very next record is the change of labels: the journal has to be asked.
    let request = labelled(from(Start::ResumeToken(before_leaving.clone())), "tier=a");
    let mut late = Watch::open(&server, request).await;
    late.started().await;
    assert_eq!(late.change().await.kind(), ChangeKind::Left);
}

#[tokio::test]
async fn a_phase_selector_is_followed_across_a_resume() {
    let server = Server::start().await;
    let token = server.create(pod("web")).await.resume_token;
    let uid = server.phase("web", "Running").await;
    server.runtime.exit(&uid, "c", 0).await;
    server.phase("web", "Succeeded").await;
    let mut request = from(Start::ResumeToken(token));
    request.selector = Some(proto::PodSelector {
        field_selector: "status.phase=Running".to_owned(),
        ..proto::PodSelector::default()
    });
    let mut watch = Watch::open(&server, request).await;
    watch.started().await;
    let changes = watch.until(ChangeKind::Left).await;
    assert_eq!(changes[0].kind(), ChangeKind::Entered);
    let last = changes.last().unwrap().pod.as_ref().unwrap();
    assert_eq!(
        last.status.as_ref().unwrap().phase(),
        proto::PodPhase::Succeeded
    );
}

#[tokio::test]
async fn views_decide_how_much_is_carried() {
    let server = Server::start().await;
    let mut request = now();
    request.view = proto::PodView::TransitionsOnly.into();
    let mut watch = Watch::open(&server, request).await;
    watch.started().await;
    server.create(pod("web")).await;
    let change = watch.change().await;
    assert!(change.pod.is_none());
    assert_eq!(change.pod_ref.unwrap().name, "web");
    assert!(!change.transitions.is_empty());
}

#[tokio::test]
async fn progress_comes_after_silence() {
    let server = Server::start().await;
    let mut request = now();
    request.progress_interval = Some(prost_types::Duration {
        seconds: 1,
        nanos: 0,
    });
    let mut watch = Watch::open(&server, request.clone()).await;
    watch.started().await;
    let Frame::Progress(first) = watch.next().await else {
        panic!("caught up at once");
    };
    let Frame::Progress(second) = watch.next().await else {
        panic!("after a second");
    };
    assert_eq!(first.revision, second.revision);
    request.progress_interval = Some(prost_types::Duration {
        seconds: 0,
        nanos: 1,
    });
    let (code, _, details) = failure(soon(server.pods().watch_pods(request)).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        details.bad_request().unwrap().field_violations[0].field,
        "progressInterval"
    );
}

#[tokio::test]
async fn positions_that_cannot_be_served_are_refused_with_the_reason() {
    let server = Server::start().await;
    let token = server.create(pod("web")).await.resume_token;
    server.phase("web", "Running").await;
    let newest = server.handle.revision().0;
    server.journal.compact(newest);
    let expired = from(Start::ResumeToken(token.clone()));
    let (code, reason, details) = failure(soon(server.pods().watch_pods(expired)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_EXPIRED")
    );
    assert_eq!(
        metadata(&details, "oldest_revision"),
        (newest + 1).to_string()
    );

    let (code, reason, _) =
        failure(soon(server.pods().watch_pods(proto::WatchPodsRequest::default())).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "VALIDATION_FAILED")
    );

    let mut other = MemoryJournal::default();
    other.epoch = "9b2f7c1e-1111-4222-8333-444455556666".to_owned();
    let other = Server::with(lifepod_api::Limits::default(), other).await;
    let foreign = from(Start::ResumeToken(token));
    let (code, reason, _) = failure(soon(other.pods().watch_pods(foreign)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "EPOCH_CHANGED")
    );

    // The same store, but set back: a token from before is ahead of it.
    let ahead = list_token(&server).await;
    let emptied = Server::start().await;
    let future = from(Start::ResumeToken(ahead));
    let (code, reason, _) = failure(soon(emptied.pods().watch_pods(future)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_IN_FUTURE")
    );
}

async fn list_token(server: &Server) -> String {
    let list = soon(server.pods().list_pods(proto::ListPodsRequest::default())).await;
    list.expect("it is there").into_inner().resume_token
}

#[tokio::test]
async fn a_reader_left_behind_ends_with_the_oldest_revision() {
    let server = Server::start().await;
    let token = server.create(pod("p")).await.resume_token;
    server.phase("p", "Running").await;
    for number in 0..8 {
        server.running(&format!("p{number}")).await;
    }
    let stream = soon(server.pods().watch_pods(from(Start::ResumeToken(token)))).await;
    // The stream is open but nothing of it was read from the store yet.
    server.journal.compact(server.handle.revision().0);
    let mut stream = stream.unwrap().into_inner();
    let status = loop {
        match soon(stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a watch never ends well"),
            Err(status) => break status,
        }
    };
    let (code, reason, _) = failure::<()>(Err(status));
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_EXPIRED")
    );
}

#[tokio::test]
async fn what_follows_a_forced_deletion_is_not_told() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    server.runtime.obedient.store(false, Ordering::SeqCst);
    let mut watch = Watch::open(&server, now()).await;
    watch.started().await;
    let forced = proto::DeletePodRequest {
        name: "web".to_owned(),
        grace_period_seconds: Some(0),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(forced)).await.unwrap();
    let gone = watch.until(ChangeKind::Deleted).await;
    let revision = gone.last().expect("one").revision;
    server.runtime.exit(&uid, "c", 0).await;
    crate::support::eventually("the rest is recorded", async || {
        server.handle.revision().0 > revision
    })
    .await;
    server.create(pod("next")).await;
    loop {
        let change = watch.change().await;
        assert_eq!(change.pod_ref.unwrap().name, "next", "{:?}", change.kind);
        if change.pod.unwrap().status.unwrap().phase() == proto::PodPhase::Running {
            break;
        }
    }
}

#[tokio::test]
async fn everybody_with_one_selector_gets_the_same_wherever_they_are() {
    let server = Server::start().await;
    let request = || labelled(now(), "tier=a");
    let mut prompt = Watch::open(&server, request()).await;
    let mut stalled = Watch::open(&server, request()).await;
    prompt.started().await;
    let began = stalled.started().await.revision;
    let mut told = Vec::new();
    // Much more than is kept in memory here, and than a stream holds.
    for number in 0..150 {
        let tier = if number % 3 == 0 { "b" } else { "a" };
        let name = format!("p{number}");
        let labels = [("tier", tier), ("padding", "x")];
        server.create(with_labels(pod(&name), &labels)).await;
        if number % 5 == 0 {
            label(&server, &name, &[("tier", "c")]).await;
        }
        if number % 7 == 0 {
            label(&server, &name, &[("tier", "a")]).await;
        }
    }
    server
        .create(with_labels(pod("last"), &[("tier", "a")]))
        .await;
    let ends = |change: &proto::PodChange| change.pod_ref.as_ref().unwrap().name == "last";
    while told.last().is_none_or(|last| !ends(last)) {
        told.push(prompt.change().await);
    }
    for kind in [ChangeKind::Added, ChangeKind::Entered, ChangeKind::Left] {
        assert!(told.iter().any(|c| c.kind() == kind), "{kind:?}");
    }
    let first = &told[0];
    assert!(first.revision > began);
    let token = Start::ResumeToken(first.resume_token.clone());
    let mut resumed = Watch::open(&server, labelled(from(token), "tier=a")).await;
    resumed.started().await;
    assert_eq!(stalled.change().await, *first);
    for watch in [&mut stalled, &mut resumed] {
        let mut late = vec![first.clone()];
        while late.last().is_none_or(|last| !ends(last)) {
            late.push(watch.change().await);
        }
        assert_eq!(late.len(), told.len());
        assert!(late == told, "not the same frames");
    }
}
