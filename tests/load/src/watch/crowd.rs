//! Many watchers, spread over some connections, that count what they get.

use super::wire::Raw;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::uri::PathAndQuery;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tonic::{Request, client::Grpc, transport::Channel};

/// Watchers on one connection.
const PER_CONNECTION: usize = 100;
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be watched.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) endpoint: String,
    pub(super) path: &'static str,
    pub(super) request: Bytes,
    /// Messages that each watcher gets at once.
    pub(super) opening: u64,
}

/// The watchers.
#[derive(Debug)]
pub(super) struct Crowd {
    size: u64,
    arrivals: Arc<Arrivals>,
    // Ends with the value.
    _watchers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Arrivals {
    count: AtomicU64,
    bytes: AtomicU64,
    wanted: AtomicU64,
    lost: AtomicU64,
    reached: Notify,
}

impl Crowd {
    /// Opens all watches; completes when each has got its opening.
    pub(super) async fn gather(target: &Target, size: usize) -> Result<Self> {
        let arrivals = Arc::new(Arrivals::default());
        let mut watchers = JoinSet::new();
        let crowd = size as u64 * target.opening;
        arrivals.wanted.store(crowd, Ordering::SeqCst);
        let mut left = size;
        while left > 0 {
            let here = left.min(PER_CONNECTION);
            left -= here;
            let channel = connect(&target.endpoint).await?;
            for _ in 0..here {
                let watch = watch(channel.clone(), target.clone(), Arc::clone(&arrivals));
                watchers.spawn(watch);
            }
        }
        let crowd = Self {
            size: size as u64,
            arrivals,
            _watchers: watchers,
        };
        crowd.reached().await?;
        Ok(crowd)
    }

    /// Lets something happen of which each watcher gets so many messages; answers how long until
    /// the last one has got the last.
    pub(super) async fn spread(
        &self,
        messages: u64,
        happen: impl Future<Output = Result<()>>,
    ) -> Result<Duration> {
        let wanted = self.arrivals.count.load(Ordering::SeqCst) + messages * self.size;
        self.arrivals.wanted.store(wanted, Ordering::SeqCst);
        let begin = Instant::now();
        happen.await?;
        self.reached().await?;
        Ok(begin.elapsed())
    }

    /// Messages and bytes so far.
    pub(super) fn got(&self) -> (u64, u64) {
        let arrivals = &self.arrivals;
        let count = arrivals.count.load(Ordering::SeqCst);
        (count, arrivals.bytes.load(Ordering::SeqCst))
    }

    async fn reached(&self) -> Result<()> {
        let arrivals = &self.arrivals;
        let all = async {
            loop {
                let told = arrivals.reached.notified();
                let count = arrivals.count.load(Ordering::SeqCst);
                if count >= arrivals.wanted.load(Ordering::SeqCst) {
                    return;
                }
                told.await;
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            let (count, lost) = (self.got().0, arrivals.lost.load(Ordering::SeqCst));
            let wanted = arrivals.wanted.load(Ordering::SeqCst);
            bail!("{count} of {wanted} messages came in {PATIENCE:?}; {lost} watches ended");
        }
        Ok(())
    }
}

pub(super) async fn connect(endpoint: &str) -> Result<Channel> {
    let endpoint = Channel::from_shared(endpoint.to_owned())?.tcp_nodelay(true);
    endpoint.connect().await.context("cannot connect")
}

async fn watch(channel: Channel, target: Target, arrivals: Arc<Arrivals>) {
    if listen(channel, target, &arrivals).await.is_err() {
        arrivals.lost.fetch_add(1, Ordering::SeqCst);
    }
}

async fn listen(channel: Channel, target: Target, arrivals: &Arrivals) -> Result<()> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await?;
    let path = PathAndQuery::from_static(target.path);
    let request = Request::new(target.request);
    let mut messages = grpc
        .server_streaming(request, path, Raw)
        .await?
        .into_inner();
    while let Some(message) = messages.message().await? {
        arrivals
            .bytes
            .fetch_add(message.len() as u64, Ordering::Relaxed);
        let count = arrivals.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count == arrivals.wanted.load(Ordering::SeqCst) {
            arrivals.reached.notify_waiters();
        }
    }
    bail!("the watch ended")
}
