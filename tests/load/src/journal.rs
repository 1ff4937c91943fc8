//! Durable mutations a second through gRPC. Each caller changes the labels of a pod of its own, one
//! after the other, with messages encoded beforehand.

use crate::{
    machine::Machine,
    processes::processor_time,
    samples::Samples,
    watch::{Bare, FIRE, Raw, at_rest},
};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::uri::PathAndQuery;
use lifepod_client::{Client, manifest, proto};
use lifepod_tests::fixtures::Simulated;
use prost::Message as _;
use std::{
    fmt::{self, Write as _},
    fs,
    time::{Duration, Instant},
};
use tokio::task::{JoinSet, block_in_place};
use tonic::{
    Request,
    client::Grpc,
    transport::{Channel, Endpoint},
};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many callers at a time
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,512")]
    callers: Vec<usize>,
    /// How long, in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

const UPDATE: &str = "/lifepod.v1.PodService/UpdatePod";
/// Callers on one connection.
const PER_CONNECTION: usize = 64;

pub(crate) fn run(options: &Options) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<String> {
    let stage = block_in_place(|| Simulated::set_up(""))?;
    let machine = Machine::look(&stage.path(""))?;
    let path = stage.path("bare.sock");
    let bare = block_in_place(|| Bare::start(&path.to_string_lossy()))?;
    let bare_endpoint = format!("unix://{}", path.display());
    let length = Duration::from_secs(options.seconds);
    let mut text = String::from(
        "| callers through gRPC | bare tonic calls/s, p50 / p99 | lifepod mutations/s, p50 / p99 \
         | of bare | CPU of a mutation | written |\n|---|---|---|---|---|---|\n",
    );
    for callers in &options.callers {
        eprintln!("{callers} callers");
        let daemon = block_in_place(|| stage.start(&[]))?;
        let endpoint = stage.endpoint();
        let pods = prepare(&endpoint, *callers).await?;
        let half = length / 2;
        // Before and after: the machine may change under us.
        let mut limit = load(&bare_endpoint, FIRE, &pods, half).await?;
        let before = (written(daemon.pid())?, processor_time(daemon.pid())?);
        let ours = load(&endpoint, UPDATE, &pods, length).await?;
        let bytes = (written(daemon.pid())? - before.0) as f64 / ours.samples.len() as f64;
        let busy = processor_time(daemon.pid())? - before.1;
        limit.join(load(&bare_endpoint, FIRE, &pods, half).await?);
        writeln!(
            text,
            "| {callers} | {limit} | {ours} | {:.2} | {:.0} µs | {bytes:.0} B |",
            ours.rate() / limit.rate(),
            busy.as_secs_f64() * 1e6 / ours.samples.len() as f64,
        )?;
        block_in_place(|| daemon.stop())?;
    }
    drop(bare);
    write!(
        text,
        "\nBare tonic takes the same messages over a unix socket too, and answers nothing.\n{machine}"
    )?;
    Ok(text)
}

/// Calls, and how long they took all together.
struct Load {
    samples: Samples,
    took: Duration,
}

impl Load {
    fn rate(&self) -> f64 {
        self.samples.len() as f64 / self.took.as_secs_f64()
    }

    fn join(&mut self, more: Self) {
        self.samples.extend(more.samples);
        self.took += more.took;
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| self.samples.percentile(percent));
        write!(f, "{:.0}, {p50:.2} / {p99:.2} ms", self.rate())
    }
}

/// Each caller calls one after the other, until the time is over.
async fn load(
    endpoint: &str,
    path: &'static str,
    messages: &[[Bytes; 2]],
    length: Duration,
) -> Result<Load> {
    let mut calls = JoinSet::new();
    let begin = Instant::now();
    for callers in messages.chunks(PER_CONNECTION) {
        let channel = Endpoint::from_shared(endpoint.to_owned())?
            .connect()
            .await?;
        for messages in callers {
            calls.spawn(call(
                channel.clone(),
                path,
                messages.clone(),
                begin + length,
            ));
        }
    }
    let took: Vec<Vec<Duration>> = calls.join_all().await.into_iter().collect::<Result<_>>()?;
    Ok(Load {
        samples: took.into_iter().flatten().collect(),
        took: begin.elapsed(),
    })
}

/// Makes a pod for each caller; answers two messages for each that change it in turn.
async fn prepare(endpoint: &str, callers: usize) -> Result<Vec<[Bytes; 2]>> {
    let client = Client::connect(endpoint).await?;
    let pods = client.pods("");
    let mut messages = Vec::new();
    for caller in 0..callers {
        let name = format!("pod-{callers}-{caller}");
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, \
             spec: {{containers: [{{name: main, image: any}}]}}}}"
        );
        let pod = manifest::parse(&text)?.pop().context("no pod")?;
        let mut pod = pods.create(pod).await?.pod;
        // As the SDK's update sends it.
        pod.status = None;
        let mut message = |turn: &str| {
            let metadata = pod.metadata.get_or_insert_default();
            metadata.revision = 0;
            metadata.labels.insert("turn".to_owned(), turn.to_owned());
            let request = proto::UpdatePodRequest {
                pod: Some(pod.clone()),
                ..proto::UpdatePodRequest::default()
            };
            Bytes::from(request.encode_to_vec())
        };
        messages.push([message("a"), message("b")]);
    }
    for caller in 0..callers {
        at_rest(&pods, &format!("pod-{callers}-{caller}")).await?;
    }
    Ok(messages)
}

async fn call(
    channel: Channel,
    path: &'static str,
    messages: [Bytes; 2],
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut grpc = Grpc::new(channel);
    let mut took = Vec::new();
    for message in messages.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let begin = Instant::now();
        grpc.ready().await?;
        let path = PathAndQuery::from_static(path);
        grpc.unary(Request::new(message.clone()), path, Raw).await?;
        took.push(begin.elapsed());
    }
    Ok(took)
}

/// Bytes a process has sent to disks.
fn written(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let mut fields = text
        .lines()
        .filter_map(|line| line.strip_prefix("write_bytes: "));
    Ok(fields.next().context("no write_bytes")?.parse()?)
}
