//! CreatePod and GetPod.

use std::sync::atomic::Ordering;

use lifepod_proto::v1 as proto;
use tonic::Code;

use crate::support::{Server, container, failure, metadata, pod, soon, with_labels};

const ID: &str = "0190d5a0-0000-7000-8000-000000000001";

fn request(pod: proto::Pod, id: &str) -> proto::CreatePodRequest {
    proto::CreatePodRequest {
        pod: Some(pod),
        request_id: id.to_owned(),
        validate_only: false,
    }
}

fn get(name: &str) -> proto::GetPodRequest {
    proto::GetPodRequest {
        name: name.to_owned(),
        ..proto::GetPodRequest::default()
    }
}

#[tokio::test]
async fn a_created_pod_is_read_back_with_status_and_position() {
    let server = Server::start().await;
    let created = server
        .create(with_labels(pod("web"), &[("app", "web")]))
        .await;
    let first = created.pod.expect("a pod");
    assert!(!created.resume_token.is_empty());
    assert_eq!(first.metadata.as_ref().unwrap().generation, 1);
    server.phase("web", "Running").await;

    let read = soon(server.pods().get_pod(get("web")))
        .await
        .unwrap()
        .into_inner();
    let read_pod = read.pod.unwrap();
    let meta = read_pod.metadata.unwrap();
    assert_eq!(meta.uid, first.metadata.unwrap().uid);
    assert_eq!(meta.labels["app"], "web");
    assert_eq!(meta.namespace, "default");
    let spec = read_pod.spec.unwrap();
    assert_eq!(spec.node_name, "node-1");
    let status = read_pod.status.unwrap();
    assert_eq!(status.phase(), proto::PodPhase::Running);
    assert_eq!(status.pod_ip, "10.88.0.7");
    assert_eq!(status.host_ip, "192.0.2.1");
    assert_eq!(status.qos_class(), proto::PodQosClass::BestEffort);
    let container = &status.container_statuses[0];
    assert!(container.ready && container.container_id.starts_with("lifepod://"));
    assert_eq!(container.stage(), proto::ContainerStage::Running);
    let ready = status
        .conditions
        .iter()
        .find(|c| c.r#type == "Ready")
        .unwrap();
    assert_eq!(ready.status(), proto::ConditionStatus::True);
}

#[tokio::test]
async fn a_taken_name_and_a_missing_pod_are_told_apart() {
    let server = Server::start().await;
    server.create(pod("web")).await;
    let again = soon(server.pods().create_pod(request(pod("web"), ""))).await;
    let (code, reason, details) = failure(again);
    assert_eq!(
        (code, reason.as_str()),
        (Code::AlreadyExists, "POD_ALREADY_EXISTS")
    );
    assert_eq!(metadata(&details, "name"), "web");
    assert_eq!(metadata(&details, "uid").len(), 36);
    assert_eq!(
        details.resource_info().unwrap().resource_name,
        "default/web"
    );

    let (code, reason, details) = failure(soon(server.pods().get_pod(get("db"))).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "POD_NOT_FOUND"));
    assert_eq!(metadata(&details, "namespace"), "default");
    let mut other_uid = get("web");
    other_uid.uid = "another".to_owned();
    let (code, ..) = failure(soon(server.pods().get_pod(other_uid)).await);
    assert_eq!(code, Code::NotFound);
}

#[tokio::test]
async fn every_violation_is_reported_with_path_and_cause() {
    let server = Server::start().await;
    let mut bad = pod("Web");
    let spec = bad.spec.as_mut().unwrap();
    spec.host_pid = true;
    spec.containers.push(container("c"));
    spec.containers[0].image.clear();
    let refused = soon(server.pods().create_pod(request(bad, ""))).await;
    assert!(
        refused
            .as_ref()
            .unwrap_err()
            .message()
            .starts_with("Pod \"Web\" is invalid: [")
    );
    let (code, reason, details) = failure(refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "VALIDATION_FAILED")
    );
    let violations = &details.bad_request().unwrap().field_violations;
    let told: Vec<_> = violations
        .iter()
        .map(|v| (v.field.as_str(), v.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("spec.hostPID", "FieldValueForbidden"),
            ("metadata.name", "FieldValueInvalid"),
            ("spec.containers[0].image", "FieldValueRequired"),
            ("spec.containers[1].name", "FieldValueDuplicate"),
        ]
    );
    assert_eq!(
        violations[0].description,
        "Forbidden: not supported by Lifepod yet"
    );
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_another_one_a_conflict() {
    let server = Server::start().await;
    let first = soon(server.pods().create_pod(request(pod("web"), ID))).await;
    let first = first.unwrap().into_inner();
    server.phase("web", "Running").await;
    let again = soon(server.pods().create_pod(request(pod("web"), ID))).await;
    let again = again.unwrap().into_inner();
    assert_eq!(again.pod, first.pod, "as it was then, not as it is now");
    assert_eq!(again.resume_token, first.resume_token);

    let other = soon(server.pods().create_pod(request(pod("db"), ID))).await;
    let (code, reason, details) = failure(other);
    assert_eq!(
        (code, reason.as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
    assert_eq!(metadata(&details, "request_id"), ID);

    let (code, reason, _) = failure(soon(server.pods().create_pod(request(pod("x"), "7"))).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "REQUEST_ID_INVALID")
    );
}

#[tokio::test]
async fn an_answer_is_repeated_after_a_restart() {
    let server = Server::start().await;
    let first = soon(server.pods().create_pod(request(pod("web"), ID))).await;
    let first = first.unwrap().into_inner();
    let (journal, runtime, dir) = server.stop().await;
    let limits = lifepod_api::Limits::default();
    let server = Server::on(limits, journal, runtime, dir).await;
    let again = soon(server.pods().create_pod(request(pod("web"), ID))).await;
    assert_eq!(again.unwrap().into_inner().pod, first.pod);
}

#[tokio::test]
async fn a_generated_name_is_kept_through_a_repetition() {
    let server = Server::start().await;
    let mut generated = pod("");
    generated.metadata.as_mut().unwrap().generate_name = "job-".to_owned();
    let name = |response: proto::CreatePodResponse| response.pod.unwrap().metadata.unwrap().name;
    let first = soon(server.pods().create_pod(request(generated.clone(), ID))).await;
    let first = name(first.unwrap().into_inner());
    assert!(first.starts_with("job-") && first.len() == 9, "{first}");
    let again = soon(server.pods().create_pod(request(generated.clone(), ID))).await;
    assert_eq!(name(again.unwrap().into_inner()), first);
    let second = soon(server.pods().create_pod(request(generated, ""))).await;
    assert_ne!(name(second.unwrap().into_inner()), first);
}

#[tokio::test]
async fn validate_only_stores_nothing() {
    let server = Server::start().await;
    let mut only = request(pod("web"), "");
    only.validate_only = true;
    let mut warned = pod("a.b");
    warned.spec.as_mut().unwrap().priority = Some(1);
    let mut warning = request(warned, "");
    warning.validate_only = true;
    let answer = soon(server.pods().create_pod(only.clone()))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.resume_token.is_empty());
    assert_eq!(
        answer.pod.unwrap().status.unwrap().phase(),
        proto::PodPhase::Pending
    );
    assert!(soon(server.pods().get_pod(get("web"))).await.is_err());
    let warnings = soon(server.pods().create_pod(warning))
        .await
        .unwrap()
        .into_inner()
        .warnings;
    let fields: Vec<_> = warnings.iter().map(|w| w.field.as_str()).collect();
    assert_eq!(fields, ["spec.priority", "metadata.name"]);

    server.create(pod("web")).await;
    let (code, ..) = failure(soon(server.pods().create_pod(only)).await);
    assert_eq!(code, Code::AlreadyExists);
}

#[tokio::test]
async fn a_store_that_cannot_write_is_unavailable_and_says_when_to_retry() {
    let server = Server::start().await;
    server.journal.broken.store(true, Ordering::SeqCst);
    let refused = soon(server.pods().create_pod(request(pod("web"), ID))).await;
    let (code, reason, details) = failure(refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert!(metadata(&details, "detail").contains("disk is full"));
    server.journal.broken.store(false, Ordering::SeqCst);
    soon(server.pods().create_pod(request(pod("web"), ID)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_without_a_pod_or_a_name_is_refused() {
    let server = Server::start().await;
    let nothing = proto::CreatePodRequest::default();
    let (code, _, details) = failure(soon(server.pods().create_pod(nothing)).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        details.bad_request().unwrap().field_violations[0].field,
        "pod"
    );
    let (code, ..) = failure(soon(server.pods().get_pod(get(""))).await);
    assert_eq!(code, Code::InvalidArgument);
}
