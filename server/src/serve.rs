//! Serves until told to stop, then goes down in order: not ready → stop accepting → end streams →
//! drain the engine → close the store. Pods run on.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use lifepod_api::{About, Api, ApiConfig, Limits};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

use crate::{
    config::Config,
    listen::Listeners,
    notify::notify,
    wire::{self, Parts},
};

/// Runs the server.
///
/// # Errors
/// If something cannot be opened or bound, or a listener fails.
pub(crate) async fn serve(config: Config) -> Result<()> {
    // Before anything is touched: a second server must not come near the first one's pods.
    let listeners = Listeners::bind(&config).await?;
    let socket = listeners.socket();
    let mut stop = stop_requested()?;
    let mut parts = wire::start(&config).await?;
    let api = api(&config, &parts);
    let closing = CancellationToken::new();
    let mut serving = tokio::spawn(listen(&api, listeners, closing.clone()));
    tracing::info!(
        socket = %config.socket.display(),
        tcp = config.tcp.map(tracing::field::display),
        node = config.node_name,
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    notify("READY=1");
    let early = tokio::select! {
        biased;
        () = &mut stop => None,
        ended = &mut serving => Some(ended),
        () = parts.engine.died() => bail!("the engine died; pods run on, the next start finds them"),
    };
    notify("STOPPING=1");
    tracing::info!("stopping; pods run on");
    let down = go_down(
        api,
        parts,
        closing,
        socket,
        early.is_none().then_some(serving),
    );
    if timeout(config.shutdown_timeout, down).await.is_err() {
        tracing::warn!("not everything ended in time; nothing durable is lost");
    }
    match early {
        None => Ok(()),
        Some(ended) => ended
            .context("a listener panicked")?
            .context("a listener failed"),
    }
}

/// How long connections may take to end once their streams have.
const LINGER: Duration = Duration::from_secs(2);

type Serving = tokio::task::JoinHandle<Result<(), tonic::transport::Error>>;

async fn go_down(
    api: Api,
    parts: Parts,
    closing: CancellationToken,
    socket: PathBuf,
    serving: Option<Serving>,
) {
    api.drain();
    // While we still listen the name is ours; afterwards it may be a later server's.
    let _ = std::fs::remove_file(socket);
    closing.cancel();
    if let Some(mut serving) = serving {
        // Its result no longer matters: we are leaving. A client that keeps its side of a
        // stream open must not keep the store from being closed.
        if timeout(LINGER, &mut serving).await.is_err() {
            serving.abort();
        }
    }
    api.shutdown().await;
    parts.engine.shutdown().await;
}

/// Serves every listener with the same services until `closing`.
fn listen(
    api: &Api,
    listeners: Listeners,
    closing: CancellationToken,
) -> impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<> {
    let (unix_router, tcp_router) = (api.router(), api.router());
    let Listeners { unix, tcp, .. } = listeners;
    async move {
        let unix = unix_router.serve_with_incoming_shutdown(
            UnixListenerStream::new(unix),
            closing.clone().cancelled_owned(),
        );
        let Some(tcp) = tcp else { return unix.await };
        // Small frames must not wait for their acknowledgements.
        let incoming = TcpIncoming::from(tcp).with_nodelay(Some(true));
        let tcp = tcp_router.serve_with_incoming_shutdown(incoming, closing.cancelled_owned());
        tokio::try_join!(unix, tcp).map(|_| ())
    }
}

fn api(config: &Config, parts: &Parts) -> Api {
    let limits = Limits {
        message_bytes: config.limits.message_bytes,
        in_flight: config.limits.in_flight,
        calls_per_client: config.limits.calls_per_client,
        streams_per_connection: config.limits.streams_per_connection,
        queued_mutations: config.limits.queued_mutations,
        request_window: config.request_window,
        history_age: config.history_age,
        ..Limits::default()
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION").into(),
        git_commit: String::new(),
        node_ips: wire::node_ips(),
        runtime: config.runtime.name().to_owned(),
        cgroup_version: wire::cgroup_version(config.runtime),
        kernel: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
    };
    let upload_dir = config.data_dir.join("uploads");
    // What a server that was killed was receiving; usually there is nothing.
    let _ = std::fs::remove_dir_all(&upload_dir);
    let settings = ApiConfig {
        limits,
        about,
        upload_dir,
        stepping: parts.stepping.clone(),
    };
    let (images, streams) = (Arc::clone(&parts.images), Arc::clone(&parts.streams));
    Api::new(parts.engine.handle(), images, streams, settings)
}

/// Completes with SIGTERM or SIGINT.
fn stop_requested() -> Result<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> {
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    Ok(Box::pin(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }))
}
