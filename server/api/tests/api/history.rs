//! ListPodTransitions, and pods as of a revision.

use std::sync::atomic::Ordering;

use lifepod_proto::v1 as proto;
use proto::{wait_condition::Condition, wait_pod_request::Since, wait_pod_response::Outcome};
use tonic::Code;

use crate::support::{Server, eventually, failure, metadata, pod, soon};

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

#[tokio::test]
async fn a_pod_of_a_moment_ago_is_found_without_reading_the_journal() {
    let server = Server::start().await;
    server.runtime.stuck.store(true, Ordering::SeqCst);
    server.create(pod("other")).await;
    eventually("its sandbox is asked for", async || {
        server.runtime.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    server.runtime.stuck.store(false, Ordering::SeqCst);
    let before = server.handle.revision().0;
    let token = server.create(pod("web")).await.resume_token;
    let uid = server.phase("web", "Running").await;
    let running = server.handle.revision().0;
    server.runtime.exit(&uid, "c", 1).await;
    server.phase("web", "Failed").await;

    let get = async |name: &str, revision| {
        let mut request = at(revision);
        request.name = name.to_owned();
        let got = soon(server.pods().get_pod(request)).await;
        got.map(|got| got.into_inner().pod.unwrap().status.unwrap().phase())
    };
    let (_, reason, _) = failure(get("web", before).await);
    assert_eq!(reason, "POD_NOT_FOUND", "it came later");
    let (_, reason, _) = failure(get("none", before).await);
    assert_eq!(reason, "POD_NOT_FOUND", "it never came");
    assert_eq!(
        get("web", running).await.unwrap(),
        proto::PodPhase::Running,
        "it has changed since"
    );
    assert_eq!(
        get("other", running).await.unwrap(),
        proto::PodPhase::Pending,
        "it has not"
    );
    let delete = proto::DeletePodRequest {
        name: "web".to_owned(),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(delete)).await.unwrap();
    eventually("gone", async || server.handle.snapshot().pods.len() == 1).await;
    let newest = server.handle.revision().0;
    let last = get("web", newest - 3).await.unwrap();
    assert_eq!(last, proto::PodPhase::Failed, "it is gone since");

    let wait = proto::WaitPodRequest {
        name: "web".to_owned(),
        any_of: vec![proto::WaitCondition {
            condition: Some(Condition::Phase(proto::PodPhase::Running.into())),
        }],
        since: Some(Since::ResumeToken(token)),
        timeout: Some(prost_types::Duration::default()),
        ..proto::WaitPodRequest::default()
    };
    let waited = soon(server.pods().wait_pod(wait)).await.unwrap();
    assert!(matches!(waited.into_inner().outcome, Some(Outcome::Met(_))));
    let reads = server.journal.reads.all.load(Ordering::SeqCst);
    assert_eq!(reads, 0, "all of it was in memory");
}

#[tokio::test]
async fn a_read_of_the_past_that_nobody_waits_for_counts_until_it_ends() {
    let server = Server::start().await;
    server.running("web").await;
    let reads = &server.journal.reads;
    reads.held.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let mut pods = server.pods();
                let request = proto::ListPodsRequest {
                    revision: 1,
                    ..proto::ListPodsRequest::default()
                };
                tokio::spawn(async move { pods.list_pods(request).await })
            })
            .collect();
        eventually("two of them read", async || {
            reads.now.load(Ordering::SeqCst) >= 2
        })
        .await;
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        // One connection: who is answered later was heard later.
        for _ in 0..10 {
            listed(&server, 0).await;
        }
    }
    reads.held.store(false, Ordering::SeqCst);
    listed(&server, 1).await;
    assert_eq!(reads.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_now_may_be_later() {
    let server = Server::start().await;
    server.running("web").await;
    server.journal.reads.fail.store(true, Ordering::SeqCst);
    let request = proto::ListPodsRequest {
        revision: 1,
        ..proto::ListPodsRequest::default()
    };
    let answer = soon(server.pods().list_pods(request)).await;
    let (code, reason, details) = failure(answer);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
    assert!(details.retry_info().is_some());
}
