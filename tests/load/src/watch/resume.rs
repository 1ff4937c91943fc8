//! A watcher that was away: how long until it has everything that it missed.

use super::Contender;
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, stream};
use lifepod_client::{
    Client, Selector, WatchEvent, WatchOptions, WatchStart, manifest, proto::PodView,
};
use lifepod_tests::fixtures::Simulated;
use serde_json::json;
use std::{net::SocketAddr, time::Duration, time::Instant};
use tokio::{task::block_in_place, time::sleep};

/// Creations under way at a time.
const AT_ONCE: usize = 64;
/// Transitions in the life of a pod that ends at once: at least.
const LIFE: u64 = 16;

pub(super) async fn measure(
    stage: &Simulated,
    address: SocketAddr,
    contender: Contender,
    missed: u64,
) -> Result<String> {
    let endpoint = format!("http://{address}");
    let client = Client::connect(&endpoint).await?;
    let token = client.pods("").list(&Selector::all()).await?.resume_token;
    let lives = (0..missed.div_ceil(LIFE)).map(|number| {
        let client = client.clone();
        async move {
            client
                .pods("")
                .create(short_lived(number)?)
                .await
                .map_err(anyhow::Error::from)
        }
    });
    let mut lives = stream::iter(lives).buffer_unordered(AT_ONCE);
    while let Some(created) = lives.next().await {
        created?;
    }
    let newest = at_rest(&client).await?;
    let (warm, transitions, revisions) = catch_up(&client, &token, newest).await?;
    ensure!(
        transitions >= missed,
        "only {transitions} transitions happened"
    );
    // Also from a server that knows nothing but what is on the disk.
    contender.end().await?;
    let daemon = block_in_place(|| stage.start(&[]))?;
    let client = Client::connect(&endpoint).await?;
    // It takes connections before it has recovered; that is not to be measured here.
    client.server_info().await?;
    let (cold, ..) = catch_up(&client, &token, newest).await?;
    block_in_place(|| daemon.stop())?;
    Ok(format!(
        "{:.2} s for {transitions} transitions in {revisions} revisions ({:.2} s after a restart)",
        warm.as_secs_f64(),
        cold.as_secs_f64()
    ))
}

/// The newest revision once nothing happens any more, which only time shows.
async fn at_rest(client: &Client) -> Result<u64> {
    let mut last = 0;
    loop {
        let newest = client.server_info().await?.revision;
        if newest == last {
            return Ok(newest);
        }
        last = newest;
        sleep(Duration::from_millis(500)).await;
    }
}

async fn catch_up(client: &Client, token: &str, newest: u64) -> Result<(Duration, u64, u64)> {
    let begin = Instant::now();
    let mut watch = client.pods("").watch(WatchOptions {
        start: WatchStart::Token(token.to_owned()),
        view: PodView::TransitionsOnly,
        ..WatchOptions::default()
    });
    let (mut transitions, mut revisions) = (0, 0);
    loop {
        match watch.next().await.context("the watch ended")?? {
            WatchEvent::Change(change) => {
                transitions += change.transitions.len() as u64;
                revisions += 1;
                if change.revision >= newest {
                    break;
                }
            }
            WatchEvent::Progress { revision } if revision >= newest => break,
            _ => {}
        }
    }
    Ok((begin.elapsed(), transitions, revisions))
}

fn short_lived(number: u64) -> Result<lifepod_client::proto::Pod> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("short-{number}"),
            "annotations": { "sim.lifepod.dev/main": "run=0 exit=0" },
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [{ "name": "main", "image": "any" }],
        },
    });
    let mut pods = manifest::parse(&pod.to_string())?;
    pods.pop().context("no pod in the manifest")
}
