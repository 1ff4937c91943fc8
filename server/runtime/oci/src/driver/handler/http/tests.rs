use std::sync::Arc;

use lifepod_lifecycle::spec::PortRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers connections one after the other, and gives back what was asked.
struct Server {
    target: Target,
    asked: JoinHandle<Vec<String>>,
}

async fn serve(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            asked.push(request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    Server { target, asked }
}

async fn request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    // The beginning of TLS has no end that could be waited for.
    let encrypted = |bytes: &[u8]| bytes.first() == Some(&0x16);
    while !bytes[..length].windows(4).any(|end| end == b"\r\n\r\n") && !encrypted(&bytes[..length])
    {
        match stream.read(&mut bytes[length..]).await.unwrap() {
            0 => break,
            more => length += more,
        }
    }
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn get(path: &str, headers: &[(&str, &str)]) -> HttpGet {
    let headers = headers.iter();
    HttpGet {
        path: path.to_owned(),
        port: PortRef::Number(1),
        host: None,
        scheme: HttpScheme::Http,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn status(line: &str) -> String {
    OK.replace("200 OK", line)
}

fn moved(to: &str) -> String {
    let head = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\nconnection: close");
    format!("{head}\r\ncontent-length: 4\r\n\r\ngone")
}

async fn probed(answers: Vec<String>) -> Outcome {
    let server = serve(answers).await;
    let client = HttpClient::new().unwrap();
    probe(&client, &server.target, &get("/ok?a=b", &[]), LIMIT).await
}

#[tokio::test]
async fn the_status_decides() {
    assert_eq!(probed(vec![OK.to_owned()]).await, Outcome::Success);
    for code in ["404 Not Found", "500 Oops"] {
        let message = format!("HTTP probe failed with statuscode: {}", &code[..3]);
        assert_eq!(
            probed(vec![status(code)]).await,
            Outcome::Failure { message }
        );
    }
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_and_reported_to_another() {
    let failing = probed(vec![moved("/fail"), status("500 Oops")]).await;
    let message = "HTTP probe failed with statuscode: 500".to_owned();
    assert_eq!(failing, Outcome::Failure { message });
    let elsewhere = probed(vec![moved("http://192.0.2.1/")]).await;
    let message = "Probe terminated redirects, Response body: gone".to_owned();
    assert_eq!(elsewhere, Outcome::Warning { message });
}

#[tokio::test]
async fn an_endless_redirect_fails() {
    let Outcome::Failure { message } = probed(vec![moved("/again"); 11]).await else {
        panic!("the probe fails");
    };
    assert!(message.ends_with("stopped after 10 redirects"), "{message}");
}

#[tokio::test]
async fn headers_are_sent_as_given_and_replace_the_defaults() {
    let server = serve(vec![OK.to_owned(), OK.to_owned()]).await;
    let client = HttpClient::new().unwrap();
    probe(&client, &server.target, &get("/", &[]), LIMIT).await;
    let given = [
        ("Host", "example.org"),
        ("User-Agent", "me"),
        ("X-A", "1"),
        ("X-A", "2"),
    ];
    probe(&client, &server.target, &get("/", &given), LIMIT).await;
    let asked = server.asked.await.unwrap();
    let has = |request: &str, line: &str| {
        let found = request
            .lines()
            .any(|known| known.eq_ignore_ascii_case(line));
        assert!(found, "no {line} in {request}");
    };
    has(&asked[0], "user-agent: kube-probe/1.36");
    has(&asked[0], "accept: */*");
    has(&asked[0], "connection: close");
    for line in ["host: example.org", "user-agent: me", "x-a: 1", "x-a: 2"] {
        has(&asked[1], line);
    }
}

#[tokio::test]
async fn a_silent_server_runs_the_probe_out_of_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let client = HttpClient::new().unwrap();
    let limit = Duration::from_millis(50);
    let Outcome::Failure { message } = probe(&client, &target, &get("/", &[]), limit).await else {
        panic!("the probe fails");
    };
    assert!(message.contains("context deadline exceeded"), "{message}");
}

#[tokio::test]
async fn a_hook_is_content_with_any_answer_but_not_with_none() {
    let server = serve(vec![status("500 Oops")]).await;
    let client = HttpClient::new().unwrap();
    let answered = hook(&client, &server.target, &get("/", &[])).await;
    assert_eq!(answered, Outcome::Success);
    server.asked.await.unwrap();
    let Outcome::Failure { message } = hook(&client, &server.target, &get("/", &[])).await else {
        panic!("the hook fails");
    };
    assert!(message.contains("connection refused"), "{message}");
}

#[tokio::test]
async fn an_https_hook_falls_back_to_clear_text_without_its_secret() {
    let refusal = "HTTP/1.0 400 Bad Request\r\n\r\n".to_owned();
    let server = serve(vec![refusal, OK.to_owned()]).await;
    let client = HttpClient::new().unwrap();
    let mut secret = get("/", &[("Authorization", "Basic c2VjcmV0"), ("X-A", "1")]);
    secret.scheme = HttpScheme::Https;
    let outcome = hook(&client, &server.target, &secret).await;
    let message =
        "request to HTTPS lifecycle hook 127.0.0.1 got HTTP response, retry with HTTP succeeded";
    let message = message.to_owned();
    assert_eq!(outcome, Outcome::Warning { message });
    let asked = server.asked.await.unwrap();
    assert!(asked[1].to_lowercase().contains("x-a: 1"));
    assert!(!asked[1].to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn certificates_are_not_verified() {
    choose_crypto();
    let certificate = include_bytes!("self-signed.der").to_vec().into();
    let key = PrivateKeyDer::try_from(include_bytes!("self-signed.key.der").to_vec()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let asked = request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        asked
    });
    let mut secure = get("/secure", &[]);
    secure.scheme = HttpScheme::Https;
    let client = HttpClient::new().unwrap();
    assert_eq!(
        probe(&client, &target, &secure, LIMIT).await,
        Outcome::Success
    );
    assert!(server.await.unwrap().starts_with("GET /secure HTTP/1.1"));
}
