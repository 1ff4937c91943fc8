//! One change and many watchers: how long until the last of them has it, what a watcher costs, how
//! fast one that was away catches up. Next to a bare tonic server in the same run.

mod bare;
mod crowd;
mod resume;
mod wire;

pub(crate) use bare::{Args as BareArgs, FIRE, Process as Bare, run as run_bare};
pub(crate) use wire::Raw;

use crate::{machine, samples::Samples};
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use crowd::{Crowd, Target};
use futures::future::BoxFuture;
use lifepod_client::{
    Client, Pods, Wait, WaitOutcome,
    proto::{self, Pod, watch_pods_request::Start},
};
use lifepod_tests::fixtures::{Daemon, Simulated};
use prost::Message as _;
use std::{
    fmt::Write as _,
    future::ready,
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::{MissedTickBehavior, interval, sleep},
};
use tonic::{Request, client::Grpc, transport::Channel};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many watchers
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000,10000")]
    watchers: Vec<usize>,
    /// How many changes, each seen by all of them
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// How long changes keep coming at 100 a second, in seconds
    #[arg(long, default_value_t = 5)]
    sustained: u64,
    /// How many transitions a watcher misses before it resumes
    #[arg(long, default_value_t = 100_000)]
    missed: u64,
}

const RATE: u64 = 100;
/// Pods that change in turn, so that changes under way do not wait for each other.
const PODS: usize = 32;
const CALIBRATION: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(2);
const SETTLE: Duration = Duration::from_secs(1);
const HOUR: i64 = 3600;

/// A server that is measured, and how something is made to happen on it.
enum Contender {
    Bare {
        process: bare::Process,
        target: Target,
        channel: Channel,
    },
    Lifepod {
        daemon: Daemon,
        target: Target,
        client: Client,
        pods: Vec<Pod>,
        turn: u64,
        messages: u64,
    },
}

pub(crate) fn run(options: &Options) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<String> {
    let address = free_address()?;
    let tcp = format!("tcp = \"{address}\"");
    let stage = block_in_place(|| Simulated::set_up(&tcp))?;
    let machine = machine::Machine::look(&stage.path(""))?;
    let mut bare = Contender::bare(free_address()?).await?;
    let mut lifepod = Contender::lifepod(&stage, address).await?;
    let most = options.watchers.iter().copied().max().unwrap_or(1);
    // First: a server that had watchers before has memory left over for new ones.
    eprintln!("memory of {most} idle watchers");
    let idle = [bare.memory(most).await?, lifepod.memory(most).await?];
    let mut text = String::from(
        "| watchers | bare tonic p50 / p99 | lifepod p50 / p99 | times bare, p50 |\n|---|---|---|---|\n",
    );
    for size in &options.watchers {
        eprintln!("{size} watchers");
        let limit = bare.spread(*size, options.events).await?;
        let ours = lifepod.spread(*size, options.events).await?;
        let [a, b] = [limit.percentile(50), ours.percentile(50)];
        let (c, d) = (limit.percentile(99), ours.percentile(99));
        writeln!(
            text,
            "| {size} | {a:.2} / {c:.2} ms | {b:.2} / {d:.2} ms | {:.2} |",
            b / a
        )?;
        eprintln!("{}", text.lines().next_back().unwrap_or_default());
    }
    text.push_str("\n| | bare tonic | lifepod |\n|---|---|---|\n");
    let [limit, ours] = idle;
    writeln!(
        text,
        "| server memory per idle watcher | {limit:.1} KiB | {ours:.1} KiB |"
    )?;
    eprintln!("{RATE} changes a second to {most} watchers");
    let [limit, ours] = [
        bare.sustain(most, options.sustained).await?,
        lifepod.sustain(most, options.sustained).await?,
    ];
    writeln!(
        text,
        "| {RATE} changes/s to {most} watchers | {limit} | {ours} |"
    )?;
    eprintln!("resume over {} transitions", options.missed);
    let caught_up = resume::measure(&stage, address, lifepod, options.missed).await?;
    writeln!(text, "| resume | | {caught_up} |")?;
    write!(text, "\n{machine}")?;
    Ok(text)
}

/// An address nobody listens on.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Contender {
    async fn bare(address: SocketAddr) -> Result<Self> {
        let process = bare::Process::start(&address.to_string())?;
        let target = Target {
            endpoint: format!("http://{address}"),
            path: bare::WATCH,
            request: Bytes::new(),
            opening: 1,
        };
        let channel = crowd::connect(&target.endpoint).await?;
        Ok(Self::Bare {
            process,
            target,
            channel,
        })
    }

    async fn lifepod(stage: &Simulated, address: SocketAddr) -> Result<Self> {
        let daemon = block_in_place(|| stage.start(&[]))?;
        let endpoint = format!("http://{address}");
        let client = Client::connect(&endpoint).await?;
        let mut pods = Vec::new();
        for number in 0..PODS {
            let name = format!("measured-{number}");
            client.pods("").create(pod(&name)?).await?;
            pods.push(*at_rest(&client.pods(""), &name).await?);
        }
        let mut contender = Self::Lifepod {
            daemon,
            target: target(endpoint),
            client,
            pods,
            turn: 0,
            messages: 1,
        };
        contender.calibrate().await?;
        Ok(contender)
    }

    /// Counts the messages one change makes.
    async fn calibrate(&mut self) -> Result<()> {
        let crowd = Crowd::gather(self.target(), 1).await?;
        let before = crowd.got().0;
        self.happen().await?;
        // Only time shows that no more come.
        sleep(CALIBRATION).await;
        let made = crowd.got().0 - before;
        ensure!(made > 0, "a change makes no message");
        if let Self::Lifepod { messages, .. } = self {
            *messages = made;
        }
        Ok(())
    }

    fn target(&self) -> &Target {
        match self {
            Self::Bare { target, .. } | Self::Lifepod { target, .. } => target,
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Bare { process, .. } => process.pid(),
            Self::Lifepod { daemon, .. } => daemon.pid(),
        }
    }

    fn messages(&self) -> u64 {
        match self {
            Self::Bare { .. } => 1,
            Self::Lifepod { messages, .. } => *messages,
        }
    }

    /// One change.
    async fn happen(&mut self) -> Result<()> {
        self.change(0).await
    }

    /// A change that goes on by itself. Those with numbers near each other do not meet at one pod.
    fn change(&mut self, number: usize) -> BoxFuture<'static, Result<()>> {
        match self {
            Self::Bare { channel, .. } => {
                let mut grpc = Grpc::new(channel.clone());
                Box::pin(async move {
                    grpc.ready().await?;
                    let path = http::uri::PathAndQuery::from_static(FIRE);
                    grpc.unary(Request::new(Bytes::new()), path, Raw).await?;
                    Ok(())
                })
            }
            Self::Lifepod {
                client, pods, turn, ..
            } => {
                let client = client.clone();
                let pod = &mut pods[number % PODS];
                let metadata = pod.metadata.get_or_insert_default();
                metadata.revision = 0;
                // No two alike: in whatever order they arrive, each is a change.
                *turn += 1;
                metadata.labels.insert("turn".to_owned(), turn.to_string());
                let pod = pod.clone();
                Box::pin(async move {
                    client.pods("").update(pod).await?;
                    Ok(())
                })
            }
        }
    }

    async fn spread(&mut self, size: usize, events: usize) -> Result<Samples> {
        let crowd = Crowd::gather(&self.target().clone(), size).await?;
        let messages = self.messages();
        let mut samples = Samples::default();
        for _ in 0..events {
            samples.add(crowd.spread(messages, self.happen()).await?);
            // One change is to find the machine as quiet as the other.
            sleep(PAUSE).await;
        }
        Ok(samples)
    }

    /// KiB of the server for each of so many idle watchers.
    async fn memory(&mut self, size: usize) -> Result<f64> {
        let used = || machine::kib(&format!("/proc/{}/smaps_rollup", self.pid()), "Pss");
        let before = used()?;
        let _crowd = Crowd::gather(self.target(), size).await?;
        // What opening them needed for a moment is given back.
        sleep(SETTLE).await;
        Ok((used()? - before).max(0.0) / size as f64)
    }

    /// Changes at a fixed rate; how far behind the last watcher is in the end.
    async fn sustain(&mut self, size: usize, seconds: u64) -> Result<String> {
        let crowd = Crowd::gather(&self.target().clone(), size).await?;
        let events = seconds * RATE;
        let messages = self.messages() * events;
        let mut answers = Samples::default();
        let mut ended = Instant::now();
        let changes = async {
            let mut ticks = interval(Duration::from_millis(1000 / RATE));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut calls = JoinSet::new();
            for number in 0..events {
                ticks.tick().await;
                // At this rate whether or not the earlier ones are answered.
                let change = self.change(usize::try_from(number)?);
                calls.spawn(async move {
                    let begin = Instant::now();
                    change.await.map(|()| begin.elapsed())
                });
            }
            for took in calls.join_all().await {
                answers.add(took?);
            }
            ended = Instant::now();
            Ok(())
        };
        // More than the machine can do is a figure too.
        let took = match crowd.spread(messages, changes).await {
            Ok(took) => took,
            Err(error) => return Ok(format!("{error:#}")),
        };
        let behind = ended.elapsed().as_secs_f64();
        let rate = messages as f64 * size as f64 / took.as_secs_f64();
        Ok(format!(
            "{rate:.0} messages/s, last watcher {behind:.2} s behind in the end, change answered in p99 {:.1} ms",
            answers.percentile(99)
        ))
    }

    /// Its server's process ends.
    async fn end(self) -> Result<()> {
        if let Self::Lifepod { daemon, .. } = self {
            block_in_place(|| daemon.stop())?;
        }
        ready(Ok(())).await
    }
}

/// Waits until a pod is ready: from then on nothing but what is asked for happens to it.
pub(crate) async fn at_rest(pods: &Pods, name: &str) -> Result<Box<Pod>> {
    match pods.wait_for(name, Wait::pod_condition("Ready")).await? {
        WaitOutcome::Met { pod: Some(pod), .. } => Ok(pod),
        other => bail!("{name} does not come to rest: {other:?}"),
    }
}

fn target(endpoint: String) -> Target {
    let request = proto::WatchPodsRequest {
        start: Some(Start::Now(proto::NowStart {})),
        view: proto::PodView::TransitionsOnly.into(),
        progress_interval: Some(prost_types::Duration {
            seconds: HOUR,
            nanos: 0,
        }),
        ..proto::WatchPodsRequest::default()
    };
    Target {
        endpoint,
        path: "/lifepod.v1.PodService/WatchPods",
        request: request.encode_to_vec().into(),
        // Started, and that it is up to date.
        opening: 2,
    }
}

fn pod(name: &str) -> Result<Pod> {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, \
         spec: {{containers: [{{name: main, image: any}}]}}}}"
    );
    let mut pods = lifepod_client::manifest::parse(&text)?;
    pods.pop().context("no pod in the manifest")
}
