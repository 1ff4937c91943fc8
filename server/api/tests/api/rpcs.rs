//! Every RPC of the descriptor, whether it keeps what `GetServerInfo` says of it.

use bytes::Bytes;
use futures::stream;
use lifepod_proto::{FILE_DESCRIPTOR_SET, v1 as proto};
use prost_reflect::DescriptorPool;
use tonic::{
    Code, Request, Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{Server, failure, soon};

/// Messages as their bytes.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(target, item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        use bytes::Buf;
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// Calls an RPC with one empty message and answers how it began.
async fn call(server: &Server, rpc: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.expect("connected");
    let path = format!("/{rpc}").parse().expect("a path");
    let messages = Request::new(stream::iter([Bytes::new()]));
    let mut answer = client.streaming(messages, path, Raw).await?.into_inner();
    answer.message().await.map(|_| ())
}

#[tokio::test]
async fn capabilities_and_answers_agree_for_every_rpc() {
    let server = Server::start().await;
    let info = proto::GetServerInfoRequest {};
    let info = soon(server.system().get_server_info(info))
        .await
        .unwrap()
        .into_inner();
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("decodes");
    let mut checked = 0;
    for service in pool
        .services()
        .filter(|s| s.parent_file().package_name() == "lifepod.v1")
    {
        for method in service.methods() {
            let rpc = format!("{}/{}", service.full_name(), method.name());
            let mut named = info.rpcs.iter().filter(|capability| capability.name == rpc);
            let capability = named
                .next()
                .unwrap_or_else(|| panic!("{rpc} is not listed"));
            let answer = soon(call(&server, &rpc)).await;
            let refused = answer.is_err_and(|status| {
                let (code, reason, _) = failure::<()>(Err(status));
                code == Code::Unimplemented && reason == "RPC_NOT_SERVED"
            });
            assert_eq!(capability.served, !refused, "{rpc}");
            checked += 1;
        }
    }
    assert_eq!(checked, info.rpcs.len());
}

#[tokio::test]
async fn calls_that_no_service_has_fail_with_an_error_info() {
    let server = Server::start().await;
    for rpc in ["lifepod.v1.PodService/Nothing", "no.such.Service/Call"] {
        let (code, reason, details) = failure(soon(call(&server, rpc)).await);
        assert_eq!(
            (code, reason.as_str()),
            (Code::Unimplemented, "RPC_NOT_SERVED")
        );
        assert_eq!(details.error_info().unwrap().metadata["rpc"], rpc);
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_told_with_the_limit() {
    let limits = lifepod_api::Limits {
        message_bytes: 1000,
        ..lifepod_api::Limits::default()
    };
    let server = Server::with(limits, crate::support::journal::MemoryJournal::default()).await;
    let large = proto::GetPodRequest {
        name: "x".repeat(2000),
        ..proto::GetPodRequest::default()
    };
    let (code, reason, details) = failure(soon(server.pods().get_pod(large)).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!(details.error_info().unwrap().metadata["limit"], "1000");
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_until_one_ends() {
    for (in_flight, calls_per_client) in [(1, 9), (9, 1)] {
        let limits = lifepod_api::Limits {
            in_flight,
            calls_per_client,
            ..lifepod_api::Limits::default()
        };
        refuses_a_second_call(limits).await;
    }
}

async fn refuses_a_second_call(limits: lifepod_api::Limits) {
    let server = Server::with(limits, crate::support::journal::MemoryJournal::default()).await;
    let watch = proto::WatchPodsRequest {
        start: Some(proto::watch_pods_request::Start::Now(proto::NowStart {})),
        ..proto::WatchPodsRequest::default()
    };
    let held = soon(server.pods().watch_pods(watch))
        .await
        .expect("it is let in");
    let list = proto::ListPodsRequest::default;
    let (code, reason, details) = failure(soon(server.pods().list_pods(list())).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::ResourceExhausted, "STREAM_LIMIT_REACHED")
    );
    assert_eq!(crate::support::metadata(&details, "limit"), "1");
    assert!(
        details
            .retry_info()
            .expect("it is there")
            .retry_delay
            .is_some()
    );
    drop(held);
    crate::support::eventually("room", async || {
        server.pods().list_pods(list()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn the_server_describes_itself() {
    let server = Server::start().await;
    server.running("web").await;
    let request = proto::GetServerInfoRequest {};
    let info = soon(server.system().get_server_info(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(info.version, "1.2.3");
    assert_eq!(info.epoch, crate::support::journal::EPOCH);
    assert_eq!(info.revision, server.handle.revision().0);
    assert_eq!(info.node_name, "node-1");
    assert_eq!(info.node_ips, ["192.0.2.1"]);
    assert_eq!(info.runtime.unwrap().name, "oci");
    assert_eq!(info.limits.unwrap().max_page_size, 1000);
    let refused: Vec<_> = info.rpcs.iter().filter(|rpc| !rpc.served).collect();
    let refused: Vec<_> = refused.iter().map(|rpc| rpc.name.as_str()).collect();
    // Time moves by itself where containers really run.
    let known = [
        "lifepod.v1.PortForwardService/PortForward",
        "lifepod.v1.SystemService/AdvanceTime",
    ];
    assert_eq!(refused, known);
}

#[tokio::test]
async fn health_and_both_reflections_answer() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    for service in ["", "lifepod.v1.PodService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let status = soon(health.check(request))
            .await
            .unwrap()
            .into_inner()
            .status();
        assert_eq!(status.as_str_name(), "SERVING");
    }
    let unknown = HealthCheckRequest {
        service: "no.such".to_owned(),
    };
    let (code, ..) = failure(soon(health.check(unknown)).await);
    assert_eq!(code, Code::NotFound);
    for version in ["v1", "v1alpha"] {
        let rpc = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // An empty question is refused by the service itself: it is there.
        let answer = soon(call(&server, &rpc)).await;
        let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
        assert_ne!(code, Code::Unimplemented, "{rpc}");
    }
}
