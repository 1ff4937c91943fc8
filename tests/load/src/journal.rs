//! Durable mutations a second through gRPC. Each caller changes the labels of a pod of its own, one
//! after the other, with messages encoded beforehand.

use crate::{machine::Machine, samples::Samples, watch::Raw};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::uri::PathAndQuery;
use lifepod_client::{Client, manifest, proto};
use lifepod_tests::fixtures::Simulated;
use prost::Message as _;
use std::{
    fmt::Write as _,
    fs,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};
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
    let mut text = String::from(
        "| callers through gRPC | mutations/s | p50 | p99 | written per mutation |\n|---|---|---|---|---|\n",
    );
    for callers in &options.callers {
        eprintln!("{callers} callers");
        let daemon = block_in_place(|| stage.start(&[]))?;
        let endpoint = stage.endpoint();
        let pods = prepare(&endpoint, *callers).await?;
        let (before, begin) = (written(daemon.pid())?, Instant::now());
        let end = begin + Duration::from_secs(options.seconds);
        let mut calls = JoinSet::new();
        let mut channel = None;
        for (number, messages) in pods.into_iter().enumerate() {
            if number % PER_CONNECTION == 0 {
                channel = Some(Endpoint::from_shared(endpoint.clone())?.connect().await?);
            }
            let channel = channel.clone().context("no connection")?;
            calls.spawn(call(channel, messages, end));
        }
        let took: Vec<Vec<Duration>> = calls.join_all().await.into_iter().collect::<Result<_>>()?;
        let samples: Samples = took.into_iter().flatten().collect();
        let count = samples.len() as f64;
        let bytes = (written(daemon.pid())? - before) as f64 / count;
        writeln!(
            text,
            "| {callers} | {:.0} | {:.2} ms | {:.2} ms | {bytes:.0} B |",
            count / begin.elapsed().as_secs_f64(),
            samples.percentile(50),
            samples.percentile(99),
        )?;
        block_in_place(|| daemon.stop())?;
    }
    write!(text, "\n{machine}")?;
    Ok(text)
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
    // The pods must have come to rest.
    sleep(Duration::from_millis(300)).await;
    Ok(messages)
}

async fn call(channel: Channel, messages: [Bytes; 2], end: Instant) -> Result<Vec<Duration>> {
    let mut grpc = Grpc::new(channel);
    let mut took = Vec::new();
    for message in messages.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let begin = Instant::now();
        grpc.ready().await?;
        let path = PathAndQuery::from_static(UPDATE);
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
