//! The limit: a bare tonic server that sends one message, encoded beforehand, to everybody who
//! watches, whenever it is told to.

use super::wire::Raw;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{Request as HttpRequest, Response as HttpResponse};
use std::{
    convert::Infallible,
    future::{Future, ready},
    net::TcpStream,
    os::unix::net::UnixStream,
    pin::Pin,
    process::{Child, Command, Stdio},
    task::{Context, Poll},
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::{net::UnixListener, sync::broadcast};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
    transport::Server,
};
use tower::Service;

pub(super) const WATCH: &str = "/bare.Bare/Watch";
pub(crate) const FIRE: &str = "/bare.Bare/Fire";
/// Size of the message.
const MESSAGE: usize = 300;
const WAITING: usize = 4096;
const START: Duration = Duration::from_secs(10);

/// Where it listens: an address, or the path of a unix socket.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    address: String,
}

/// Serves until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (fire, _) = broadcast::channel(WAITING);
    let server = Server::builder()
        .tcp_nodelay(true)
        .max_concurrent_streams(1000)
        .add_service(Bare { fire });
    runtime.block_on(async {
        match args.address.parse() {
            Ok(address) => server.serve(address).await?,
            Err(_) => {
                let socket = UnixListener::bind(&args.address)?;
                let calls = UnixListenerStream::new(socket);
                server.serve_with_incoming(calls).await?;
            }
        }
        Ok(())
    })
}

/// The server as a process of its own, as the other one is.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it on an address, or on the path of a unix socket.
    pub(crate) fn start(address: &str) -> Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(["bare", address])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the bare server")?;
        let process = Self(child);
        let end = Instant::now() + START;
        let is_open =
            || TcpStream::connect(address).is_ok() || UnixStream::connect(address).is_ok();
        while !is_open() {
            anyhow::ensure!(Instant::now() < end, "the bare server does not listen");
            sleep(Duration::from_millis(5));
        }
        Ok(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone)]
struct Bare {
    fire: broadcast::Sender<Bytes>,
}

impl NamedService for Bare {
    const NAME: &'static str = "bare.Bare";
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

impl Service<HttpRequest<Body>> for Bare {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Answer {
        let bare = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw);
            Ok(match request.uri().path() {
                WATCH => grpc.server_streaming(bare, request).await,
                _ => grpc.unary(bare, request).await,
            })
        })
    }
}

impl UnaryService<Bytes> for Bare {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let _ = self.fire.send(Bytes::from_static(&[b'x'; MESSAGE]));
        ready(Ok(Response::new(Bytes::new())))
    }
}

impl ServerStreamingService<Bytes> for Bare {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let messages = stream::unfold(self.fire.subscribe(), |mut fire| async {
            let message = fire.recv().await.ok()?;
            Some((Ok(message), fire))
        });
        // The first says that the watch has begun.
        let begun = stream::once(ready(Ok(Bytes::new())));
        ready(Ok(Response::new(begun.chain(messages).boxed())))
    }
}
