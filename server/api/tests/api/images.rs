//! The Image service.

use std::sync::Arc;

use futures::stream;
use lifepod_proto::v1 as proto;
use proto::{load_image_request::Frame as Load, pull_image_response::Frame};
use tokio::sync::Semaphore;
use tonic::Code;

use crate::support::{Server, eventually, failure, images, metadata, soon};

fn pull(reference: &str) -> proto::PullImageRequest {
    proto::PullImageRequest {
        reference: reference.to_owned(),
        ..proto::PullImageRequest::default()
    }
}

/// All frames of a pull: how many progress frames, and the result.
async fn pulled(
    server: &Server,
    request: proto::PullImageRequest,
) -> Result<(usize, proto::PullResult), tonic::Status> {
    let mut frames = soon(server.images().pull_image(request))
        .await?
        .into_inner();
    let mut progress = 0;
    loop {
        match soon(frames.message())
            .await?
            .expect("a result first")
            .frame
            .expect("set")
        {
            Frame::Progress(told) => {
                assert_eq!(told.layers[0].digest, "sha256:l1");
                progress += 1;
            }
            Frame::Result(result) => {
                assert!(
                    soon(frames.message()).await?.is_none(),
                    "the result is the last"
                );
                return Ok((progress, result));
            }
        }
    }
}

#[tokio::test]
async fn a_pull_tells_coalesced_progress_and_one_result() {
    let server = Server::start().await;
    let begun = std::time::Instant::now();
    let mut with_login = pull("app");
    with_login.credentials = Some(proto::RegistryCredentials {
        username: "u".to_owned(),
        password: "p".to_owned(),
    });
    let (progress, result) = pulled(&server, with_login).await.unwrap();
    let most = begun.elapsed().as_millis() / 100 + 2;
    assert!(
        progress >= 1 && progress as u128 <= most,
        "{progress} of at most {most}"
    );
    assert!(!result.already_present);
    assert_eq!(result.fetched_bytes, 1000);
    assert_eq!(result.image.unwrap().tags, ["app"]);
    let login = server.runtime.images.credentials.lock().clone();
    assert_eq!(login, Some(("u".to_owned(), "p".to_owned())));

    let (_, again) = pulled(&server, pull("app")).await.unwrap();
    assert!(again.already_present && again.fetched_bytes == 0);
    let mut lazy = pull("app");
    lazy.policy = proto::ImagePullPolicy::IfNotPresent.into();
    let (progress, _) = pulled(&server, lazy).await.unwrap();
    assert_eq!(progress, 0, "nobody was asked");
}

#[tokio::test]
async fn pulls_that_fail_say_why() {
    let server = Server::start().await;
    for (reference, code, reason) in [
        ("missing", Code::NotFound, "IMAGE_NOT_FOUND"),
        ("denied", Code::PermissionDenied, "REGISTRY_DENIED"),
        (
            "registry.example/down",
            Code::Unavailable,
            "REGISTRY_UNAVAILABLE",
        ),
        ("Bad Name", Code::InvalidArgument, "IMAGE_REFERENCE_INVALID"),
        ("", Code::InvalidArgument, "VALIDATION_FAILED"),
    ] {
        let told = failure(pulled(&server, pull(reference)).await);
        assert_eq!((told.0, told.1.as_str()), (code, reason));
    }
    let down = failure(pulled(&server, pull("registry.example/down")).await).2;
    assert_eq!(metadata(&down, "registry"), "registry.example");
    let mut never = pull("app");
    never.policy = proto::ImagePullPolicy::Never.into();
    let (code, ..) = failure(pulled(&server, never).await);
    assert_eq!(code, Code::NotFound);
}

#[tokio::test]
async fn a_pull_goes_on_when_its_client_disappears() {
    let server = Server::start().await;
    let hold = Arc::new(Semaphore::new(0));
    *server.runtime.images.hold.lock() = Some(Arc::clone(&hold));
    let mut frames = soon(server.images().pull_image(pull("app")))
        .await
        .unwrap()
        .into_inner();
    soon(frames.message()).await.unwrap();
    drop(frames);
    hold.add_permits(1);
    eventually("the image is there", async || {
        !server.runtime.images.stored.lock().is_empty()
    })
    .await;
}

fn frame(frame: Load) -> proto::LoadImageRequest {
    proto::LoadImageRequest { frame: Some(frame) }
}

fn start(reference: &str) -> proto::LoadImageRequest {
    frame(Load::Start(proto::LoadImageStart {
        reference: reference.to_owned(),
        request_id: String::new(),
    }))
}

#[tokio::test]
async fn an_archive_is_put_together_loaded_and_forgotten() {
    let server = Server::start().await;
    let chunk = |text: &'static str| frame(Load::Chunk(text.into()));
    let frames = stream::iter([start("mine:1"), chunk("abc"), chunk("def")]);
    let loaded = soon(server.images().load_image(frames))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(loaded.images[0].tags, ["mine:1"]);
    assert_eq!(server.runtime.images.loaded.lock()[0], b"abcdef");
    let left = std::fs::read_dir(server.dir.path().join("uploads"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "no upload is left behind");

    let empty = stream::iter([start("")]);
    let (code, reason, _) = failure(soon(server.images().load_image(empty)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "ARCHIVE_INVALID")
    );
    for wrong in [vec![], vec![chunk("abc")], vec![start(""), start("")]] {
        let answer = soon(server.images().load_image(stream::iter(wrong))).await;
        let (code, reason, _) = failure(answer);
        assert_eq!(
            (code, reason.as_str()),
            (Code::InvalidArgument, "FRAME_INVALID")
        );
    }
}

#[tokio::test]
async fn an_archive_above_the_limit_is_refused() {
    let limits = lifepod_api::Limits {
        archive_bytes: 4,
        ..lifepod_api::Limits::default()
    };
    let server = Server::with(limits, crate::support::journal::MemoryJournal::default()).await;
    let frames = stream::iter([start(""), frame(Load::Chunk("abcde".into()))]);
    let (code, reason, details) = failure(soon(server.images().load_image(frames)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!(metadata(&details, "limit"), "4");
    let left = std::fs::read_dir(server.dir.path().join("uploads"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn images_are_listed_in_order_with_their_users() {
    let server = Server::start().await;
    *server.runtime.images.stored.lock() = vec![
        images::record("c", "sha256:cccc"),
        images::record("a", images::ID),
        images::record("b", "sha256:bbbb"),
    ];
    server.running("web").await;
    let mut request = proto::ListImagesRequest {
        page_size: 2,
        ..proto::ListImagesRequest::default()
    };
    let first = soon(server.images().list_images(request.clone()))
        .await
        .unwrap()
        .into_inner();
    let tags = |images: &[proto::Image]| -> Vec<String> {
        images.iter().map(|image| image.tags[0].clone()).collect()
    };
    assert_eq!(tags(&first.images), ["a", "b"]);
    assert_eq!(first.images[0].container_count, 1);
    request.page_token = first.next_page_token;
    let second = soon(server.images().list_images(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(tags(&second.images), ["c"]);
    assert!(second.next_page_token.is_empty());

    let get = proto::GetImageRequest {
        reference: "zzz".to_owned(),
    };
    let (code, reason, details) = failure(soon(server.images().get_image(get)).await);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "IMAGE_NOT_FOUND"));
    assert_eq!(metadata(&details, "reference"), "zzz");
}

#[tokio::test]
async fn an_image_in_use_is_removed_only_by_force() {
    let server = Server::start().await;
    *server.runtime.images.stored.lock() = vec![images::record("a", images::ID)];
    server.running("web").await;
    let mut remove = proto::RemoveImageRequest {
        reference: "a".to_owned(),
        ..proto::RemoveImageRequest::default()
    };
    let (code, reason, details) = failure(soon(server.images().remove_image(remove.clone())).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "IMAGE_IN_USE")
    );
    assert_eq!(metadata(&details, "containers"), "default/web/c");
    remove.force = true;
    let removed = soon(server.images().remove_image(remove.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(removed.untagged, ["a"]);
    assert_eq!(removed.removed_id, images::ID);
    assert_eq!(removed.freed_bytes, 1000);
    let (code, ..) = failure(soon(server.images().remove_image(remove.clone())).await);
    assert_eq!(code, Code::NotFound);
    remove.allow_missing = true;
    soon(server.images().remove_image(remove)).await.unwrap();
}
