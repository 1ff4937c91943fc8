//! Going down: every stream ends with a status, nothing new begins.

use std::sync::atomic::Ordering;

use lifepod_proto::v1 as proto;
use proto::watch_pods_request::Start;
use tonic::Code;

use crate::support::{Server, eventually, failure, pod, soon};

#[tokio::test]
async fn a_drain_ends_watches_and_refuses_mutations_with_a_delay_to_retry() {
    let server = Server::start().await;
    server.running("web").await;
    let watch = proto::WatchPodsRequest {
        start: Some(Start::Now(proto::NowStart {})),
        ..proto::WatchPodsRequest::default()
    };
    let mut stream = soon(server.pods().watch_pods(watch))
        .await
        .unwrap()
        .into_inner();
    soon(stream.message()).await.unwrap();
    server.api.as_ref().unwrap().drain();
    let status = loop {
        match soon(stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a watch never ends well"),
            Err(status) => break status,
        }
    };
    let (code, reason, details) = failure::<()>(Err(status));
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unavailable, "SERVER_DRAINING")
    );
    assert!(details.retry_info().unwrap().retry_delay.is_some());

    let create = proto::CreatePodRequest {
        pod: Some(pod("late")),
        ..proto::CreatePodRequest::default()
    };
    let (code, reason, _) = failure(soon(server.pods().create_pod(create)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::Unavailable, "SERVER_DRAINING")
    );
    // Reads and the description of the server go on.
    soon(server.pods().list_pods(proto::ListPodsRequest::default()))
        .await
        .unwrap();
    soon(
        server
            .system()
            .get_server_info(proto::GetServerInfoRequest {}),
    )
    .await
    .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn waits_logs_and_commands_end_with_the_server() {
    let server = Server::start().await;
    server.running("web").await;
    let mut pods = server.pods();
    let wait = tokio::spawn(async move {
        let request = proto::WaitPodRequest {
            name: "web".to_owned(),
            any_of: vec![proto::WaitCondition {
                condition: Some(proto::wait_condition::Condition::Deleted(
                    proto::DeletedWait {},
                )),
            }],
            ..proto::WaitPodRequest::default()
        };
        pods.wait_pod(request).await
    });
    let follow = proto::ReadLogsRequest {
        target: Some(proto::ContainerReference {
            pod: "web".to_owned(),
            ..proto::ContainerReference::default()
        }),
        follow: true,
        ..proto::ReadLogsRequest::default()
    };
    let mut logs = soon(server.logs().read_logs(follow))
        .await
        .unwrap()
        .into_inner();
    let logs = tokio::spawn(async move { logs.message().await });
    tokio::task::yield_now().await;
    server.stop().await;
    let (_, reason, _) = failure(soon(logs).await.unwrap());
    assert_eq!(reason, "SERVER_DRAINING");
    // The wait may have come too late to be taken; then the connection tells.
    let status = soon(wait).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_wait_that_reads_the_past_ends_with_the_server() {
    let server = Server::start().await;
    server.running("web").await;
    // More than is in memory.
    for n in 0..6 {
        server.running(&format!("p{n}")).await;
    }
    let request = proto::WaitPodRequest {
        name: "web".to_owned(),
        any_of: vec![proto::WaitCondition {
            condition: Some(proto::wait_condition::Condition::Deleted(
                proto::DeletedWait {},
            )),
        }],
        since: Some(proto::wait_pod_request::Since::Revision(1)),
        ..proto::WaitPodRequest::default()
    };
    let reads = &server.journal.reads;
    reads.held.store(true, Ordering::SeqCst);
    let mut pods = server.pods();
    let wait = tokio::spawn(async move { pods.wait_pod(request).await });
    eventually("it reads", async || reads.now.load(Ordering::SeqCst) == 1).await;
    server.api.as_ref().unwrap().drain();
    let answer = tokio::spawn(soon(wait)).await;
    reads.held.store(false, Ordering::SeqCst);
    let (_, reason, _) = failure(answer.unwrap().unwrap());
    assert_eq!(reason, "SERVER_DRAINING");
    server.stop().await;
}
