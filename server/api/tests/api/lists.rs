//! ListPods and ListPodEvents.

use lifepod_proto::v1 as proto;
use tonic::Code;

use crate::support::{Server, failure, pod, soon, with_labels};

fn names(pods: &[proto::Pod]) -> Vec<String> {
    let names = pods
        .iter()
        .map(|pod| pod.metadata.as_ref().expect("it is there").name.clone());
    names.collect()
}

fn select(labels: &str, fields: &str) -> proto::ListPodsRequest {
    proto::ListPodsRequest {
        selector: Some(proto::PodSelector {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            ..proto::PodSelector::default()
        }),
        ..proto::ListPodsRequest::default()
    }
}

async fn list(server: &Server, request: proto::ListPodsRequest) -> proto::ListPodsResponse {
    soon(server.pods().list_pods(request))
        .await
        .expect("it is there")
        .into_inner()
}

#[tokio::test]
async fn pages_show_one_cut_however_much_changes_meanwhile() {
    let server = Server::start().await;
    for name in ["e", "a", "d", "b", "c"] {
        server.create(pod(name)).await;
    }
    let mut request = proto::ListPodsRequest {
        page_size: 2,
        ..proto::ListPodsRequest::default()
    };
    let first = list(&server, request.clone()).await;
    assert_eq!(names(&first.pods), ["a", "b"]);
    server.create(pod("bb")).await;
    request.page_token = first.next_page_token;
    let second = list(&server, request.clone()).await;
    assert_eq!(names(&second.pods), ["c", "d"]);
    assert_eq!(second.revision, first.revision);
    assert_eq!(second.resume_token, first.resume_token);
    request.page_token = second.next_page_token;
    let third = list(&server, request.clone()).await;
    assert_eq!(names(&third.pods), ["e"]);
    assert!(third.next_page_token.is_empty());

    request.page_token = "garbled".to_owned();
    let (code, reason, _) = failure(soon(server.pods().list_pods(request)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "TOKEN_INVALID")
    );
}

#[tokio::test]
async fn a_page_token_fits_only_the_same_request() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.create(pod(name)).await;
    }
    let mut request = proto::ListPodsRequest {
        page_size: 1,
        ..proto::ListPodsRequest::default()
    };
    request.page_token = list(&server, request.clone()).await.next_page_token;
    request.view = proto::PodView::StatusOnly.into();
    let (_, reason, _) = failure(soon(server.pods().list_pods(request)).await);
    assert_eq!(reason, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_cut_that_was_dropped_is_made_again_as_long_as_history_is_kept() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.create(pod(name)).await;
    }
    let mut request = proto::ListPodsRequest {
        page_size: 1,
        ..proto::ListPodsRequest::default()
    };
    let kept = list(&server, request.clone()).await.next_page_token;
    // Sixteen younger cuts push it out.
    for number in 0..16 {
        server.create(pod(&format!("p{number}"))).await;
        list(&server, request.clone()).await;
    }
    request.page_token = kept;
    let second = list(&server, request.clone()).await;
    assert_eq!(names(&second.pods), ["b"]);
    assert!(second.next_page_token.is_empty());

    server.journal.compact(10);
    let (code, reason, _) = failure(soon(server.pods().list_pods(request)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_EXPIRED")
    );
}

#[tokio::test]
async fn selectors_and_views_choose_what_is_carried() {
    let server = Server::start().await;
    server
        .create(with_labels(pod("web"), &[("app", "web")]))
        .await;
    server
        .create(with_labels(pod("db"), &[("app", "db")]))
        .await;
    server.phase("web", "Running").await;
    server.phase("db", "Running").await;
    let uid = server.phase("db", "Running").await;
    server.runtime.exit(&uid, "c", 1).await;
    server.phase("db", "Failed").await;
    for (labels, fields, expected) in [
        ("app=web", "", vec!["web"]),
        ("app in (web,db)", "", vec!["db", "web"]),
        ("app,app!=web", "", vec!["db"]),
        ("", "status.phase=Failed", vec!["db"]),
        ("", "metadata.name!=db", vec!["web"]),
        ("", "spec.nodeName=node-1,status.phase!=Failed", vec!["web"]),
    ] {
        let found = list(&server, select(labels, fields)).await;
        assert_eq!(names(&found.pods), expected, "{labels} {fields}");
    }
    let mut status_only = select("app=web", "");
    status_only.view = proto::PodView::StatusOnly.into();
    let found = list(&server, status_only).await;
    assert!(found.pods[0].spec.is_none() && found.pods[0].status.is_some());

    let bad = soon(server.pods().list_pods(select("a==b==c", ""))).await;
    assert!(bad.as_ref().unwrap_err().message().contains("found '=='"));
    let (code, reason, _) = failure(bad);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "SELECTOR_INVALID")
    );
}

#[tokio::test]
async fn events_are_listed_with_their_words() {
    let server = Server::start().await;
    server.running("web").await;
    server.running("db").await;
    let request = proto::ListPodEventsRequest {
        selector: Some(proto::PodSelector {
            names: vec!["web".into()],
            ..proto::PodSelector::default()
        }),
        ..proto::ListPodEventsRequest::default()
    };
    let answer = soon(server.pods().list_pod_events(request.clone()))
        .await
        .unwrap();
    let events = answer.into_inner().events;
    let reasons: Vec<_> = events.iter().map(|e| e.reason.as_str()).collect();
    assert!(
        reasons.contains(&"Started") && reasons.contains(&"Created"),
        "{reasons:?}"
    );
    let started = events.iter().find(|e| e.reason == "Started").unwrap();
    assert_eq!(started.field_path, "spec.containers{c}");
    assert_eq!(started.r#type(), proto::EventType::Normal);
    assert_eq!(started.source_component, "lifepodd");
    assert_eq!(started.pod.as_ref().unwrap().name, "web");
    let mut unique: Vec<_> = events.iter().map(|e| e.name.clone()).collect();
    unique.dedup();
    assert_eq!(unique.len(), events.len());

    let warnings = proto::ListPodEventsRequest {
        types: vec![proto::EventType::Warning.into()],
        ..request
    };
    let answer = soon(server.pods().list_pod_events(warnings)).await.unwrap();
    assert!(answer.into_inner().events.is_empty());
}
