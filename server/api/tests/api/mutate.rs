//! UpdatePod and DeletePod.

use std::sync::atomic::Ordering;

use lifepod_engine::Target;
use lifepod_lifecycle::id::PodKey;
use lifepod_proto::v1 as proto;
use tonic::Code;

use crate::support::{Server, container, eventually, failure, metadata, pod, soon};

async fn read(server: &Server, name: &str) -> proto::Pod {
    let request = proto::GetPodRequest {
        name: name.to_owned(),
        ..proto::GetPodRequest::default()
    };
    let read = soon(server.pods().get_pod(request)).await;
    read.expect("it is there")
        .into_inner()
        .pod
        .expect("it is there")
}

fn update(pod: proto::Pod) -> proto::UpdatePodRequest {
    proto::UpdatePodRequest {
        pod: Some(pod),
        ..proto::UpdatePodRequest::default()
    }
}

fn delete(name: &str) -> proto::DeletePodRequest {
    proto::DeletePodRequest {
        name: name.to_owned(),
        ..proto::DeletePodRequest::default()
    }
}

/// The fields a refused update names.
async fn refused(server: &Server, pod: proto::Pod) -> Vec<String> {
    let answer = soon(server.pods().update_pod(update(pod))).await;
    let (code, _, details) = failure(answer);
    assert_eq!(code, Code::InvalidArgument);
    let violations = &details.bad_request().expect("it is there").field_violations;
    violations
        .iter()
        .map(|v| format!("{}: {}", v.field, v.description))
        .collect()
}

#[tokio::test]
async fn labels_change_and_the_rest_may_be_sent_back_as_read() {
    let server = Server::start().await;
    server.running("web").await;
    let mut pod = read(&server, "web").await;
    let before = pod.metadata.as_ref().unwrap().revision;
    pod.metadata
        .as_mut()
        .unwrap()
        .labels
        .insert("tier".into(), "a".into());
    let changed = soon(server.pods().update_pod(update(pod)))
        .await
        .unwrap()
        .into_inner();
    let meta = changed.pod.unwrap().metadata.unwrap();
    assert_eq!(meta.labels["tier"], "a");
    assert!(meta.revision > before);
    assert_eq!(meta.generation, 1, "labels are not the desired state");

    let same = read(&server, "web").await;
    let revision = same.metadata.as_ref().unwrap().revision;
    let again = soon(server.pods().update_pod(update(same)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        again.pod.unwrap().metadata.unwrap().revision,
        revision,
        "nothing changed"
    );
}

#[tokio::test]
async fn stale_and_foreign_preconditions_fail() {
    let server = Server::start().await;
    server.running("web").await;
    let pod = read(&server, "web").await;
    let mut stale = pod.clone();
    stale.metadata.as_mut().unwrap().revision = 1;
    stale
        .metadata
        .as_mut()
        .unwrap()
        .labels
        .insert("a".into(), "b".into());
    let (code, reason, details) = failure(soon(server.pods().update_pod(update(stale))).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Aborted, "REVISION_MISMATCH")
    );
    assert_eq!(metadata(&details, "expected"), "1");
    let violations = &details.precondition_failure().unwrap().violations;
    assert_eq!(violations[0].r#type, "REVISION_MISMATCH");

    let mut foreign = pod;
    foreign.metadata.as_mut().unwrap().uid = "another".into();
    foreign.metadata.as_mut().unwrap().revision = 0;
    let (code, reason, _) = failure(soon(server.pods().update_pod(update(foreign))).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "UID_MISMATCH")
    );
}

#[tokio::test]
async fn a_repeated_update_gets_its_first_answer_whatever_the_pod_became() {
    let server = Server::start().await;
    server.running("web").await;
    let deadline = |mut pod: proto::Pod, seconds| {
        pod.spec.as_mut().unwrap().active_deadline_seconds = Some(seconds);
        update(pod)
    };
    let mut first = deadline(read(&server, "web").await, 60);
    first.request_id = "0190d5a0-0000-7000-8000-00000000000b".into();
    let answer = soon(server.pods().update_pod(first.clone())).await.unwrap();
    let again = soon(server.pods().update_pod(first.clone())).await.unwrap();
    assert_eq!(
        answer.get_ref(),
        again.get_ref(),
        "its revision is stale by its own change"
    );

    // What it asks for would be refused by now: a deadline only comes nearer.
    let nearer = deadline(read(&server, "web").await, 30);
    soon(server.pods().update_pod(nearer)).await.unwrap();
    let again = soon(server.pods().update_pod(first.clone())).await.unwrap();
    assert_eq!(answer.get_ref(), again.get_ref());

    let mut other = first.clone();
    other.pod.as_mut().unwrap().spec = None;
    let (_, reason, _) = failure(soon(server.pods().update_pod(other)).await);
    assert_eq!(reason, "REQUEST_ID_REUSED");
    let mut new = first;
    new.request_id = "0190d5a0-0000-7000-8000-00000000000c".into();
    let (_, reason, _) = failure(soon(server.pods().update_pod(new)).await);
    assert_eq!(reason, "REVISION_MISMATCH", "nothing was answered before");
}

#[tokio::test]
async fn an_update_without_uid_means_the_pod_that_has_the_name_by_then() {
    let server = Server::start().await;
    let old = server.running("web").await;
    let mut labelled = pod("web");
    labelled.spec = None;
    labelled
        .metadata
        .as_mut()
        .unwrap()
        .labels
        .insert("tier".into(), "a".into());

    // The pod is replaced, and nobody sees it yet when the update is judged.
    server.journal.held.store(true, Ordering::SeqCst);
    let target = Target {
        key: PodKey::new("default", "web"),
        uid: None,
        revision: None,
    };
    let mut deleting = Box::pin(server.handle.delete(target, Some(0), None, String::new()));
    assert!(futures::poll!(&mut deleting).is_pending());
    let spawn = |request| {
        let mut pods = server.pods();
        tokio::spawn(async move { pods.update_pod(request).await })
    };
    let create = proto::CreatePodRequest {
        pod: Some(pod("web")),
        ..proto::CreatePodRequest::default()
    };
    let mut pods = server.pods();
    let creating = tokio::spawn(async move { pods.create_pod(create).await });
    // One connection: who is answered later was heard later.
    read(&server, "web").await;
    let updating = spawn(update(labelled));
    for _ in 0..5 {
        read(&server, "web").await;
    }
    server.journal.held.store(false, Ordering::SeqCst);
    soon(deleting).await.unwrap();
    soon(creating).await.unwrap().unwrap();
    let updated = soon(updating).await.unwrap().unwrap().into_inner();
    let meta = updated.pod.unwrap().metadata.unwrap();
    assert_ne!(meta.uid, old.to_string());
    assert_eq!(meta.labels["tier"], "a");
}

#[tokio::test]
async fn changes_of_the_specification_are_refused_by_name() {
    let server = Server::start().await;
    server.running("web").await;
    let pod = read(&server, "web").await;

    let mut command = pod.clone();
    command.spec.as_mut().unwrap().containers[0].command = vec!["other".into()];
    let told = refused(&server, command).await;
    assert!(told[0].starts_with("spec: Forbidden: pod updates may not change fields other than"));

    let mut image = pod.clone();
    image.spec.as_mut().unwrap().containers[0].image = " app:2".into();
    assert_eq!(
        refused(&server, image).await,
        [
            "spec.containers[0].image: Invalid value: \" app:2\": must not have leading or trailing whitespace"
        ]
    );

    let mut more = pod.clone();
    more.spec.as_mut().unwrap().containers.push(container("d"));
    assert_eq!(
        refused(&server, more).await,
        ["spec.containers: Forbidden: pod updates may not add or remove containers"]
    );

    let mut label = pod;
    label
        .metadata
        .as_mut()
        .unwrap()
        .labels
        .insert("-bad".into(), "x".into());
    assert!(refused(&server, label).await[0].starts_with("metadata.labels: Invalid value"));
}

#[tokio::test]
async fn what_may_change_of_a_specification_changes_and_counts_as_a_generation() {
    let server = Server::start().await;
    server.running("web").await;
    let mut pod = read(&server, "web").await;
    let before = pod.metadata.as_ref().unwrap().generation;
    let spec = pod.spec.as_mut().unwrap();
    spec.active_deadline_seconds = Some(3600);
    spec.tolerations.push(proto::Toleration {
        key: "gpu".into(),
        operator: "Exists".into(),
        ..proto::Toleration::default()
    });
    // Without a revision, the change is made to whatever the pod is by then.
    pod.metadata.as_mut().unwrap().revision = 0;
    let changed = soon(server.pods().update_pod(update(pod))).await.unwrap();
    let changed = changed.into_inner().pod.unwrap();
    assert_eq!(changed.metadata.unwrap().generation, before + 1);
    let spec = changed.spec.unwrap();
    assert_eq!(spec.active_deadline_seconds, Some(3600));
    assert_eq!(spec.tolerations[0].key, "gpu");
}

#[tokio::test]
async fn a_checked_update_shows_its_result_and_stores_nothing() {
    let server = Server::start().await;
    server.running("web").await;
    let mut pod = read(&server, "web").await;
    pod.spec.as_mut().unwrap().active_deadline_seconds = Some(60);
    let mut request = update(pod);
    request.validate_only = true;
    let shown = soon(server.pods().update_pod(request)).await.unwrap();
    let shown = shown.into_inner().pod.unwrap().spec.unwrap();
    assert_eq!(shown.active_deadline_seconds, Some(60));
    let stored = read(&server, "web").await.spec.unwrap();
    assert_eq!(stored.active_deadline_seconds, None);
}

#[tokio::test]
async fn ephemeral_containers_are_added_by_their_subresource_only() {
    let server = Server::start().await;
    server.running("web").await;
    let mut pod = read(&server, "web").await;
    let debug = proto::EphemeralContainer {
        container: Some(container("debug")),
        target_container_name: String::new(),
    };
    pod.spec.as_mut().unwrap().ephemeral_containers = vec![debug];
    pod.metadata.as_mut().unwrap().revision = 0;
    let mut request = update(pod);
    let plain = soon(server.pods().update_pod(request.clone()))
        .await
        .unwrap();
    let plain = plain.into_inner().pod.unwrap().spec.unwrap();
    assert!(
        plain.ephemeral_containers.is_empty(),
        "not part of a plain update"
    );

    request.subresource = proto::PodSubresource::EphemeralContainers.into();
    let added = soon(server.pods().update_pod(request.clone()))
        .await
        .unwrap();
    let mut added = added.into_inner().pod.unwrap();
    assert_eq!(added.spec.as_ref().unwrap().ephemeral_containers.len(), 1);

    let mut aimed = added.clone();
    aimed.metadata.as_mut().unwrap().revision = 0;
    aimed
        .spec
        .as_mut()
        .unwrap()
        .ephemeral_containers
        .push(proto::EphemeralContainer {
            container: Some(container("other")),
            target_container_name: "c".into(),
        });
    request.pod = Some(aimed);
    let (_, _, details) = failure(soon(server.pods().update_pod(request.clone())).await);
    let violations = &details.bad_request().expect("it is there").field_violations;
    assert_eq!(
        violations[0].field,
        "spec.ephemeralContainers[1].targetContainerName"
    );

    added.spec.as_mut().unwrap().ephemeral_containers.clear();
    added.metadata.as_mut().unwrap().revision = 0;
    request.pod = Some(added);
    let (code, _, details) = failure(soon(server.pods().update_pod(request)).await);
    assert_eq!(code, Code::InvalidArgument);
    let violations = &details.bad_request().expect("it is there").field_violations;
    assert_eq!(violations[0].field, "spec.ephemeralContainers");
}

#[tokio::test]
async fn a_deleted_pod_stays_until_its_containers_stopped() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    server.runtime.obedient.store(false, Ordering::SeqCst);
    let answer = soon(server.pods().delete_pod(delete("web")))
        .await
        .unwrap()
        .into_inner();
    assert!(!answer.removed);
    let meta = answer.pod.unwrap().metadata.unwrap();
    assert_eq!(meta.deletion_grace_period_seconds, Some(30));
    assert!(meta.deletion_timestamp.is_some());
    assert_eq!(meta.generation, 2);
    assert!(
        read(&server, "web")
            .await
            .metadata
            .unwrap()
            .deletion_timestamp
            .is_some()
    );
    server.runtime.exit(&uid, "c", 0).await;
    eventually("gone", async || server.handle.snapshot().pods.is_empty()).await;
}

#[tokio::test]
async fn a_forced_deletion_removes_the_object_at_once() {
    let server = Server::start().await;
    server.running("web").await;
    server.runtime.obedient.store(false, Ordering::SeqCst);
    let mut forced = delete("web");
    forced.grace_period_seconds = Some(0);
    let answer = soon(server.pods().delete_pod(forced))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.removed);
    assert!(server.handle.snapshot().pods.is_empty());
    // The name is free although the containers still stop.
    server.create(pod("web")).await;
}

#[tokio::test]
async fn deletion_knows_missing_pods_and_preconditions() {
    let server = Server::start().await;
    let (code, reason, _) = failure(soon(server.pods().delete_pod(delete("web"))).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "POD_NOT_FOUND"));
    let mut lenient = delete("web");
    lenient.allow_missing = true;
    let answer = soon(server.pods().delete_pod(lenient))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.removed && answer.pod.is_none());

    server.running("web").await;
    let mut foreign = delete("web");
    foreign.uid = "another".into();
    let (code, reason, _) = failure(soon(server.pods().delete_pod(foreign.clone())).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "UID_MISMATCH")
    );
    foreign.validate_only = true;
    let (_, reason, _) = failure(soon(server.pods().delete_pod(foreign)).await);
    assert_eq!(reason, "UID_MISMATCH", "also when nothing would be changed");
    let mut only = delete("web");
    only.validate_only = true;
    soon(server.pods().delete_pod(only)).await.unwrap();
    assert!(
        read(&server, "web")
            .await
            .metadata
            .unwrap()
            .deletion_timestamp
            .is_none()
    );
}

#[tokio::test]
async fn the_journal_names_request_and_actor() {
    let server = Server::start().await;
    server.running("web").await;
    let mut named = delete("web");
    named.request_id = "0190d5a0-0000-7000-8000-00000000000a".into();
    soon(server.pods().delete_pod(named.clone())).await.unwrap();
    eventually("gone", async || server.handle.snapshot().pods.is_empty()).await;
    let answer = soon(server.pods().delete_pod(named.clone()))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.pod.is_some(), "the answer outlives the pod");
    let history = proto::ListPodTransitionsRequest {
        subjects: vec!["object".into()],
        ..proto::ListPodTransitionsRequest::default()
    };
    let history = soon(server.pods().list_pod_transitions(history))
        .await
        .unwrap()
        .into_inner();
    let words: Vec<_> = history.transitions.iter().map(|t| t.to.as_str()).collect();
    assert_eq!(words, ["Created", "Deleting", "Deleted"]);
    let cause = history.transitions[1].cause.as_ref().unwrap();
    assert_eq!(cause.kind(), proto::CauseKind::Request);
    assert_eq!(cause.request_id, named.request_id);
}
