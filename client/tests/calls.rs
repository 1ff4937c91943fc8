//! Unary calls: request ids, repetitions, pages, waits.

mod support;

use std::time::Duration;

use lifepod_client::{Code, Error, Selector, Wait, WaitOutcome, proto, reasons};
use proto::{wait_pod_request::Since, wait_pod_response::Outcome};
use support::{Script, Setup, named, status};

#[tokio::test]
async fn an_unavailable_mutation_is_repeated_with_the_same_request_id() {
    let answer = proto::CreatePodResponse {
        pod: Some(named("web")),
        ..Default::default()
    };
    let setup = Setup::new(Script {
        creates: [
            Err(status(Code::Unavailable, reasons::SERVER_STARTING)),
            Err(status(Code::Unavailable, reasons::STORE_UNAVAILABLE)),
            Ok(answer),
        ]
        .into(),
        ..Default::default()
    })
    .await;

    let created = setup
        .client
        .pods("work")
        .create(named("web"))
        .await
        .unwrap();
    assert_eq!(created.pod, named("web"));

    let script = setup.mock.script.lock().unwrap();
    assert_eq!(script.created.len(), 3);
    assert!(!script.created[0].request_id.is_empty());
    assert!(
        script
            .created
            .iter()
            .all(|request| request == &script.created[0])
    );
    let metadata = script.created[0].pod.clone().unwrap().metadata.unwrap();
    assert_eq!(metadata.namespace, "work");
}

#[tokio::test]
async fn the_removal_of_an_image_is_not_repeated_for_the_server_could_not_tell() {
    let setup = Setup::new(Script {
        removals: [
            Err(status(Code::Unavailable, reasons::RUNTIME_UNAVAILABLE)),
            Err(status(Code::NotFound, reasons::IMAGE_NOT_FOUND)),
        ]
        .into(),
        ..Default::default()
    })
    .await;
    let removed = setup.client.images().remove("app:1", false).await;
    assert_eq!(removed.unwrap_err().reason(), reasons::RUNTIME_UNAVAILABLE);
    assert_eq!(setup.mock.script.lock().unwrap().removed.len(), 1);
}

#[tokio::test]
async fn no_other_error_is_repeated() {
    for code in [
        // Without a word of when.
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Internal,
        Code::AlreadyExists,
    ] {
        let setup = Setup::new(Script {
            creates: [Err(status(code, reasons::INTERNAL))].into(),
            ..Default::default()
        })
        .await;
        let error = setup
            .client
            .pods("")
            .create(named("web"))
            .await
            .unwrap_err();
        assert_eq!(error.api().unwrap().code, code);
        assert_eq!(
            setup.mock.script.lock().unwrap().created.len(),
            1,
            "{code:?}"
        );
    }
}

#[tokio::test]
async fn repetitions_are_bounded() {
    let setup = Setup::new(Script {
        creates: std::iter::repeat_with(|| {
            Err(status(Code::Unavailable, reasons::SERVER_DRAINING))
        })
        .take(10)
        .collect(),
        ..Default::default()
    })
    .await;
    let error = setup
        .client
        .pods("")
        .create(named("web"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), reasons::SERVER_DRAINING);
    assert_eq!(setup.mock.script.lock().unwrap().created.len(), 4);
}

#[tokio::test]
async fn all_pages_of_a_list_are_fetched() {
    let page = |name: &str, next: &str| proto::ListPodsResponse {
        pods: vec![named(name)],
        next_page_token: next.to_owned(),
        revision: 7,
        resume_token: "after-list".to_owned(),
    };
    let setup = Setup::new(Script {
        pages: [page("a", "1"), page("b", "2"), page("c", "")].into(),
        ..Default::default()
    })
    .await;
    let list = setup
        .client
        .all_pods()
        .list(&Selector::all().labels("x=y"))
        .await
        .unwrap();
    assert_eq!(list.pods, [named("a"), named("b"), named("c")]);
    assert_eq!(
        (list.revision, list.resume_token.as_str()),
        (7, "after-list")
    );

    let script = setup.mock.script.lock().unwrap();
    let tokens: Vec<_> = script
        .listed
        .iter()
        .map(|request| request.page_token.as_str())
        .collect();
    assert_eq!(tokens, ["", "1", "2"]);
    assert!(
        script
            .listed
            .iter()
            .all(|request| request.selector == script.listed[0].selector)
    );
}

#[tokio::test]
async fn a_long_wait_goes_on_from_the_token_of_the_first_request() {
    let timed_out = proto::WaitPodResponse {
        outcome: Some(Outcome::TimedOut(proto::WaitTimedOut {})),
        pod: None,
        resume_token: "here".to_owned(),
    };
    let met = proto::WaitPodResponse {
        outcome: Some(Outcome::Met(proto::WaitMet {
            index: 1,
            ..Default::default()
        })),
        ..Default::default()
    };
    let setup = Setup::new(Script {
        waits: [timed_out, met].into(),
        ..Default::default()
    })
    .await;
    let wait = Wait::phase(proto::PodPhase::Succeeded)
        .or_phase(proto::PodPhase::Failed)
        .within(Duration::from_secs(3600));
    let outcome = setup.client.pods("").wait_for("job", wait).await.unwrap();
    assert!(matches!(outcome, WaitOutcome::Met { index: 1, .. }));
    let script = setup.mock.script.lock().unwrap();
    assert_eq!(script.waited[0].since, None);
    assert_eq!(
        script.waited[1].since,
        Some(Since::ResumeToken("here".to_owned()))
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let endpoint = "unix:///nonexistent/lifepod.sock";
    let error = lifepod_client::Client::connect(endpoint).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_missing_pod_is_told_as_such() {
    let setup = Setup::new(Script::default()).await;
    let error = setup.client.pods("").get("nope").await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.reason(), reasons::POD_NOT_FOUND);
}
