//! Requests that are too large, out of order, or about nothing.

use anyhow::Result;
use lifepod_client::{
    Code, Error, ExecOptions, Selector, WatchOptions, WatchStart, manifest, proto, reasons,
};
use lifepod_proto::v1::{
    exec_service_client::ExecServiceClient, pod_service_client::PodServiceClient,
};
use lifepod_tests::world::{SLEEPER, World, script_pod};
use tonic::transport::{Channel, Endpoint};

async fn channel(world: &World) -> Result<Channel> {
    Ok(Endpoint::from_shared(world.stage.endpoint())?
        .connect()
        .await?)
}

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, Error>, code: Code, reason: &str) {
    let error = result.expect_err(reason);
    let answer = error.api().unwrap_or_else(|| panic!("{reason}: {error:?}"));
    assert_eq!(
        (answer.code, answer.reason.as_str()),
        (code, reason),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_refused_by_name() -> Result<()> {
    let world = World::new().await?;
    let mut pod = manifest::parse(&script_pod("huge", "Never", "exit 0"))?.remove(0);
    let annotations = &mut pod.metadata.get_or_insert_default().annotations;
    annotations.insert("note".to_owned(), "x".repeat(8 << 20));
    let refused = world.pods().create(pod).await;
    check(refused, Code::ResourceExhausted, reasons::MESSAGE_TOO_LARGE);
    // The connection is as good as before.
    assert_eq!(world.pods().list(&Selector::all()).await?.pods.len(), 0);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_said_in_typed_errors() -> Result<()> {
    let world = World::new().await?;
    let pods = world.pods();
    world
        .create(&script_pod("there", "Always", SLEEPER))
        .await?;
    world.ready("there").await?;

    let again = world.create(&script_pod("there", "Always", SLEEPER)).await;
    let again = again.map_err(|error| error.downcast::<Error>().expect("an answer"));
    check(again, Code::AlreadyExists, reasons::POD_ALREADY_EXISTS);
    check(
        pods.get("nobody").await,
        Code::NotFound,
        reasons::POD_NOT_FOUND,
    );
    let exec = |container: &str| ExecOptions::new(["true"]).container(container);
    check(
        pods.run("nobody", exec("")).await,
        Code::NotFound,
        reasons::POD_NOT_FOUND,
    );
    check(
        pods.run("there", exec("other")).await,
        Code::NotFound,
        reasons::CONTAINER_NOT_FOUND,
    );
    let labels = Selector::all().labels("a in (b");
    check(
        pods.list(&labels).await,
        Code::InvalidArgument,
        reasons::SELECTOR_INVALID,
    );
    let request = proto::CreatePodRequest {
        pod: manifest::parse(&script_pod("new", "Never", "exit 0"))?.pop(),
        request_id: "not a uuid".to_owned(),
        ..Default::default()
    };
    check(
        pods.create_with(request).await,
        Code::InvalidArgument,
        reasons::REQUEST_ID_INVALID,
    );
    let options = WatchOptions {
        start: WatchStart::Token("nonsense".to_owned()),
        ..WatchOptions::default()
    };
    let watched = pods.watch(options).next().await.transpose();
    check(watched, Code::InvalidArgument, reasons::TOKEN_INVALID);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_out_of_order_are_refused() -> Result<()> {
    let world = World::new().await?;
    let mut exec = ExecServiceClient::new(channel(&world).await?);
    let input = proto::exec_request::Frame::Stdin(b"early".to_vec().into());
    let frames = [proto::ExecRequest { frame: Some(input) }];
    let refused = exec.exec(futures::stream::iter(frames)).await;
    let status = match refused {
        Err(status) => status,
        Ok(answer) => answer
            .into_inner()
            .message()
            .await
            .expect_err("it was accepted"),
    };
    assert_eq!(status.code(), Code::InvalidArgument);

    let mut pods = PodServiceClient::new(channel(&world).await?);
    let nothing = pods.watch_pods(proto::WatchPodsRequest::default()).await;
    let status = nothing.expect_err("a watch without a start");
    assert_eq!(status.code(), Code::InvalidArgument);
    world.finish().await
}
