use h2::server;
use http::Response;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// A server of one call: answers with headers, a body, trailers, and tells what was asked.
struct Script {
    headers: &'static [(&'static str, &'static str)],
    body: Option<&'static [u8]>,
    trailers: &'static [(&'static str, &'static str)],
}

async fn serve(script: Script) -> (Target, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let asked = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        assert_eq!(request.uri().path(), METHOD);
        assert_eq!(request.headers()["te"], "trailers");
        let mut body = request.into_body();
        let answer = async {
            let asked = read(&mut body).await.unwrap();
            let mut head = Response::builder();
            for (name, value) in script.headers {
                head = head.header(*name, *value);
            }
            let mut out = respond
                .send_response(head.body(()).unwrap(), script.body.is_none())
                .unwrap();
            if let Some(body) = script.body {
                out.send_data(Bytes::from_static(body), false).unwrap();
                let mut trailers = HeaderMap::new();
                for (name, value) in script.trailers {
                    trailers.insert(*name, value.parse().unwrap());
                }
                out.send_trailers(trailers).unwrap();
            }
            asked
        };
        // The connection has to be driven for the answer to get out.
        let drive = async { while connection.accept().await.is_some() {} };
        let (asked, ()) = tokio::join!(answer, drive);
        asked
    });
    (target, asked)
}

async fn outcome(script: Script) -> Outcome {
    let (target, _asked) = serve(script).await;
    probe(&target, "", LIMIT).await
}

const DONE: &[(&str, &str)] = &[("grpc-status", "0")];

#[tokio::test]
async fn a_serving_service_is_healthy_and_is_asked_by_name() {
    let script = Script {
        headers: &[],
        body: Some(&[0, 0, 0, 0, 2, 8, 1]),
        trailers: DONE,
    };
    let (target, asked) = serve(script).await;
    assert_eq!(probe(&target, "readiness", LIMIT).await, Outcome::Success);
    assert_eq!(asked.await.unwrap(), b"\0\0\0\0\x0b\x0a\x09readiness");
}

#[tokio::test]
async fn any_other_status_is_a_failure() {
    for (body, word) in [
        (&[0, 0, 0, 0, 2, 8, 2][..], "NOT_SERVING"),
        (&[0, 0, 0, 0, 0][..], "UNKNOWN"),
    ] {
        let script = Script {
            headers: &[],
            body: Some(body),
            trailers: DONE,
        };
        let message = format!("service unhealthy (responded with {word:?})");
        assert_eq!(outcome(script).await, Outcome::Failure { message });
    }
}

#[tokio::test]
async fn a_server_without_the_health_service_says_so() {
    let script = Script {
        headers: &[("grpc-status", "12"), ("grpc-message", "unknown service")],
        body: None,
        trailers: &[],
    };
    let message = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service";
    let message = message.to_owned();
    assert_eq!(outcome(script).await, Outcome::Failure { message });
}

#[tokio::test]
async fn an_error_in_the_trailers_is_not_overlooked() {
    let script = Script {
        headers: &[],
        body: Some(&[0, 0, 0, 0, 2, 8, 1]),
        trailers: &[("grpc-status", "14")],
    };
    let Outcome::Failure { message } = outcome(script).await else {
        panic!("the probe fails");
    };
    assert!(message.contains("code = 14"), "{message}");
}

#[tokio::test]
async fn a_server_that_never_answers_runs_the_probe_out_of_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let message = "timeout: health rpc did not complete within 1s".to_owned();
    let outcome = probe(&target, "", Duration::from_secs(1)).await;
    assert_eq!(outcome, Outcome::Failure { message });
}

/// What a server sends that answers and hangs up in one go.
const AT_ONCE: &[u8] = &[
    // SETTINGS
    0, 0, 0, 4, 0, 0, 0, 0, 0, //
    // HEADERS of stream 1: `:status: 200`
    0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88, //
    // DATA: SERVING
    0, 0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 8, 1, //
    // HEADERS, the last of the stream: `grpc-status: 0`
    0, 0, 15, 1, 5, 0, 0, 0, 1, 0, 11, b'g', b'r', b'p', b'c', b'-', b's', b't', b'a', b't', b'u',
    b's', 1, b'0',
];

#[tokio::test]
async fn an_answer_counts_that_comes_with_the_end_of_the_connection() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut asked, mut chunk) = (Vec::new(), [0; 4096]);
        // The question: DATA, the last of stream 1, with a request of no fields.
        while !asked.ends_with(&[0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]) {
            let count = stream.read(&mut chunk).await.unwrap();
            asked.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(AT_ONCE).await.unwrap();
        stream.shutdown().await.unwrap();
        while stream.read(&mut chunk).await.is_ok_and(|count| count > 0) {}
    };
    let (outcome, ()) = tokio::join!(probe(&target, "", LIMIT), server);
    assert_eq!(outcome, Outcome::Success);
}

#[test]
fn long_names_have_lengths_of_several_bytes() {
    let frame = message(&"s".repeat(300));
    assert_eq!(frame[..HEADER], [0, 0, 0, 1, 47]);
    assert_eq!(frame[HEADER..HEADER + 3], [10, 0xac, 2]);
}
