//! WaitPod.

use lifepod_proto::v1 as proto;
use proto::{wait_condition::Condition, wait_pod_request::Since, wait_pod_response::Outcome};
use tonic::Code;

use crate::support::{Server, eventually, failure, pod, soon};

fn wait(name: &str, any_of: Vec<Condition>) -> proto::WaitPodRequest {
    let conditions = any_of.into_iter();
    proto::WaitPodRequest {
        name: name.to_owned(),
        any_of: conditions
            .map(|condition| proto::WaitCondition {
                condition: Some(condition),
            })
            .collect(),
        ..proto::WaitPodRequest::default()
    }
}

fn phase(phase: proto::PodPhase) -> Condition {
    Condition::Phase(phase.into())
}

fn deleted() -> Condition {
    Condition::Deleted(proto::DeletedWait {})
}

fn at_once(mut request: proto::WaitPodRequest) -> proto::WaitPodRequest {
    request.timeout = Some(prost_types::Duration::default());
    request
}

async fn outcome(server: &Server, request: proto::WaitPodRequest) -> Outcome {
    let answer = soon(server.pods().wait_pod(request))
        .await
        .expect("it is there")
        .into_inner();
    assert!(!answer.resume_token.is_empty());
    answer.outcome.expect("always set")
}

async fn delete(server: &Server, name: &str) {
    let delete = proto::DeletePodRequest {
        name: name.to_owned(),
        ..proto::DeletePodRequest::default()
    };
    soon(server.pods().delete_pod(delete))
        .await
        .expect("it is there");
}

#[tokio::test]
async fn a_phase_is_waited_for_and_its_transition_told() {
    let server = Server::start().await;
    let waiting = {
        let mut pods = server.pods();
        let request = wait(
            "web",
            vec![deleted_never(), phase(proto::PodPhase::Running)],
        );
        tokio::spawn(async move { pods.wait_pod(request).await })
    };
    server.create(pod("web")).await;
    let answer = soon(waiting).await.unwrap().unwrap().into_inner();
    let Some(Outcome::Met(met)) = answer.outcome else {
        panic!("{:?}", answer.outcome);
    };
    assert_eq!(met.index, 1);
    let transition = met.transition.expect("it was not true from the start");
    assert_eq!(transition.to, "Running");
    assert_eq!(transition.revision, met.revision);
}

/// A condition that never holds here.
fn deleted_never() -> Condition {
    Condition::PodCondition(proto::PodConditionWait {
        r#type: "NoSuchCondition".to_owned(),
        status: 0,
    })
}

#[tokio::test]
async fn a_state_that_lasted_a_moment_counts() {
    let server = Server::start().await;
    let token = server.create(pod("web")).await.resume_token;
    let uid = server.phase("web", "Running").await;
    server.runtime.exit(&uid, "c", 0).await;
    server.phase("web", "Succeeded").await;
    let mut request = at_once(wait("web", vec![phase(proto::PodPhase::Running)]));
    request.since = Some(Since::ResumeToken(token.clone()));
    assert!(matches!(outcome(&server, request).await, Outcome::Met(_)));

    let running = Condition::ContainerState(proto::ContainerStateWait {
        container: "c".to_owned(),
        state: proto::ContainerStateKind::Running.into(),
        reason: String::new(),
    });
    let mut request = at_once(wait("web", vec![running]));
    request.since = Some(Since::ResumeToken(token));
    let Outcome::Met(met) = outcome(&server, request).await else {
        panic!("the container ran");
    };
    let subject = met.transition.unwrap().subject.unwrap().subject.unwrap();
    assert!(matches!(
        subject,
        proto::transition_subject::Subject::Container(_)
    ));
}

#[tokio::test]
async fn what_holds_already_is_met_and_what_does_not_times_out() {
    let server = Server::start().await;
    server.running("web").await;
    let ready = Condition::PodCondition(proto::PodConditionWait {
        r#type: "Ready".to_owned(),
        status: 0,
    });
    let Outcome::Met(met) = outcome(&server, at_once(wait("web", vec![ready]))).await else {
        panic!("it is ready");
    };
    assert!(met.transition.is_none());
    let request = at_once(wait("web", vec![deleted()]));
    assert!(matches!(
        outcome(&server, request).await,
        Outcome::TimedOut(_)
    ));
    let missing = at_once(wait("none", vec![deleted()]));
    assert!(matches!(outcome(&server, missing).await, Outcome::Met(_)));
}

#[tokio::test]
async fn what_cannot_come_any_more_is_impossible() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    server.runtime.exit(&uid, "c", 0).await;
    server.phase("web", "Succeeded").await;
    let request = wait("web", vec![phase(proto::PodPhase::Failed)]);
    let Outcome::Impossible(end) = outcome(&server, request).await else {
        panic!("a terminal phase never changes");
    };
    assert_eq!(end.reason, "PodTerminal");

    delete(&server, "web").await;
    eventually("gone", async || server.handle.snapshot().pods.is_empty()).await;
    server.create(pod("web")).await;
    let mut request = wait("web", vec![phase(proto::PodPhase::Failed)]);
    request.uid = uid.to_string();
    let Outcome::Impossible(end) = outcome(&server, request).await else {
        panic!("the pod of that uid is gone");
    };
    assert_eq!(end.reason, "UidReplaced");
}

#[tokio::test]
async fn removal_is_met_or_makes_the_rest_impossible() {
    let server = Server::start().await;
    server.running("a").await;
    server.running("b").await;
    let spawn = |name: &str, condition| {
        let mut pods = server.pods();
        let request = wait(name, vec![condition]);
        tokio::spawn(async move { pods.wait_pod(request).await })
    };
    let gone = spawn("a", deleted());
    let condition = Condition::PodCondition(proto::PodConditionWait {
        r#type: "Other".to_owned(),
        status: proto::ConditionStatus::False.into(),
    });
    let stuck = spawn("b", condition);
    delete(&server, "a").await;
    delete(&server, "b").await;
    let answer = soon(gone).await.unwrap().unwrap().into_inner();
    let Some(Outcome::Met(met)) = answer.outcome else {
        panic!("{:?}", answer.outcome);
    };
    assert_eq!(met.transition.unwrap().to, "Deleted");
    assert!(answer.pod.is_none());
    let answer = soon(stuck).await.unwrap().unwrap().into_inner();
    let Some(Outcome::Impossible(end)) = answer.outcome else {
        panic!("{:?}", answer.outcome);
    };
    assert_eq!(end.reason, "PodDeleted");
}

#[tokio::test]
async fn bad_questions_are_refused_with_every_violation() {
    let server = Server::start().await;
    let none = proto::WaitPodRequest {
        any_of: vec![
            proto::WaitCondition::default(),
            proto::WaitCondition {
                condition: Some(Condition::ContainerState(
                    proto::ContainerStateWait::default(),
                )),
            },
        ],
        ..wait("web", Vec::new())
    };
    let (code, _, details) = failure(soon(server.pods().wait_pod(none)).await);
    assert_eq!(code, Code::InvalidArgument);
    let violations = &details.bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "anyOf[0]",
            "anyOf[1].containerState.container",
            "anyOf[1].containerState.state"
        ]
    );
    let mut late = wait("web", vec![deleted()]);
    late.since = Some(Since::Revision(1_000_000));
    let (_, reason, _) = failure(soon(server.pods().wait_pod(late)).await);
    assert_eq!(reason, "REVISION_IN_FUTURE");
}
