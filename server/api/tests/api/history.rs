//! ListPodTransitions, and pods as of a revision.

use lifepod_proto::v1 as proto;
use tonic::Code;

use crate::support::{Server, eventually, failure, metadata, soon};

async fn list(
    server: &Server,
    request: proto::ListPodTransitionsRequest,
) -> proto::ListPodTransitionsResponse {
    let answer = soon(server.pods().list_pod_transitions(request)).await;
    answer.expect("it is there").into_inner()
}

fn of(name: &str) -> proto::ListPodTransitionsRequest {
    proto::ListPodTransitionsRequest {
        selector: Some(proto::PodSelector {
            names: vec![name.to_owned()],
            ..proto::PodSelector::default()
        }),
        ..proto::ListPodTransitionsRequest::default()
    }
}

#[tokio::test]
async fn pages_hold_every_transition_once_and_in_order() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    server.running("other").await;
    server.runtime.exit(&uid, "c", 1).await;
    server.phase("web", "Failed").await;
    let mut paged = Vec::new();
    let mut shown = None;
    let mut request = of("web");
    request.page_size = 2;
    loop {
        let page = list(&server, request.clone()).await;
        let revision = *shown.get_or_insert(page.revision);
        assert_eq!(page.revision, revision, "every page shows the same");
        assert!(page.transitions.len() <= 2);
        paged.extend(page.transitions);
        // What happens meanwhile belongs to no page.
        server.running(&format!("p{}", paged.len())).await;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let mut whole = of("web");
    whole.to_revision = shown.expect("there was a page");
    let whole = list(&server, whole).await;
    assert!(whole.next_page_token.is_empty());
    assert_eq!(whole.oldest_revision, 1);
    assert_eq!(paged, whole.transitions);
    let of_web = |t: &proto::Transition| t.pod.as_ref().is_some_and(|pod| pod.name == "web");
    assert!(paged.len() > 10 && paged.iter().all(of_web));
}

#[tokio::test]
async fn transitions_outlive_the_pod_and_are_filtered() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    server.runtime.exit(&uid, "c", 1).await;
    let delete = proto::DeletePodRequest {
        name: "web".to_owned(),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(delete)).await.unwrap();
    eventually("gone", async || server.handle.snapshot().pods.is_empty()).await;
    let mut request = of("web");
    request.subjects = vec!["container".to_owned()];
    request.container = "c".to_owned();
    let stages = list(&server, request.clone()).await.transitions;
    let words: Vec<_> = stages.iter().map(|t| t.to.as_str()).collect();
    assert_eq!(words.last(), Some(&"Exited"), "{words:?}");
    assert_eq!(stages.last().unwrap().exit.unwrap().code, 1);
    let subject = stages[1].subject.as_ref().unwrap().subject.clone().unwrap();
    let proto::transition_subject::Subject::Container(container) = subject else {
        panic!("only containers were asked for");
    };
    assert_eq!(container.kind(), proto::ContainerKind::Regular);

    request.container = "d".to_owned();
    assert!(list(&server, request).await.transitions.is_empty());
}

#[tokio::test]
async fn bounds_and_words_are_checked() {
    let server = Server::start().await;
    server.running("web").await;
    let mut words = of("web");
    words.subjects = vec!["weather".to_owned()];
    let (code, _, details) = failure(soon(server.pods().list_pod_transitions(words)).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(
        details.bad_request().unwrap().field_violations[0].field,
        "subjects[0]"
    );

    let mut labels = of("web");
    labels.selector.as_mut().unwrap().label_selector = "a=b".to_owned();
    let (code, ..) = failure(soon(server.pods().list_pod_transitions(labels)).await);
    assert_eq!(code, Code::InvalidArgument);

    server.journal.compact(3);
    let mut old = of("web");
    old.from_revision = 2;
    let (code, reason, details) = failure(soon(server.pods().list_pod_transitions(old)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_EXPIRED")
    );
    assert_eq!(metadata(&details, "oldest_revision"), "4");
    let from_oldest = list(&server, of("web")).await;
    assert!(from_oldest.transitions.iter().all(|t| t.revision >= 4));
}

fn at(revision: u64) -> proto::GetPodRequest {
    proto::GetPodRequest {
        name: "web".to_owned(),
        revision,
        ..proto::GetPodRequest::default()
    }
}

async fn listed(server: &Server, revision: u64) -> proto::ListPodsResponse {
    let request = proto::ListPodsRequest {
        revision,
        ..proto::ListPodsRequest::default()
    };
    let answer = soon(server.pods().list_pods(request)).await;
    answer.expect("it is there").into_inner()
}

#[tokio::test]
async fn pods_are_read_as_they_were() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    let running = server.handle.revision().0;
    server.runtime.exit(&uid, "c", 1).await;
    server.phase("web", "Failed").await;
    let delete = proto::DeletePodRequest {
        name: "web".to_owned(),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(delete)).await.unwrap();
    eventually("gone", async || server.handle.snapshot().pods.is_empty()).await;

    let mut phases = Vec::new();
    for revision in 1..=running {
        let got = soon(server.pods().get_pod(at(revision))).await.unwrap();
        let pod = got.into_inner().pod.unwrap();
        assert!(pod.metadata.as_ref().unwrap().revision <= revision);
        let all = listed(&server, revision).await;
        assert_eq!(all.revision, revision);
        assert_eq!(all.pods, std::slice::from_ref(&pod));
        phases.push(pod.status.unwrap().phase());
    }
    assert_eq!(phases.first(), Some(&proto::PodPhase::Pending));
    assert_eq!(phases.last(), Some(&proto::PodPhase::Running));
    assert!(listed(&server, 0).await.pods.is_empty(), "it is gone now");

    let newest = server.handle.revision().0;
    let (code, reason, _) = failure(soon(server.pods().get_pod(at(newest))).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "POD_NOT_FOUND"));
    let (code, reason, _) = failure(soon(server.pods().get_pod(at(newest + 1))).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_IN_FUTURE")
    );
    server.journal.compact(3);
    let (code, reason, _) = failure(soon(server.pods().get_pod(at(2))).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::OutOfRange, "REVISION_EXPIRED")
    );
}
