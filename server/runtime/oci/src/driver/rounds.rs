//! Every ten seconds, a round of all pods: does the shim answer, and are the logs too long?
//!
//! Exits need no round, shims tell them. A shim that is there and does not answer cannot tell
//! anything; then nothing is known of its pod, which is itself a fact.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use lifepod_lifecycle::{input::Fact, port::BoxFuture};
use lifepod_shim::protocol::{ContainerStatus, State};
use tokio_util::sync::CancellationToken;

use super::{Inner, blocking, logs, pods::Entry, recover};
use crate::shim::ShimError;

/// Time between two rounds, the kubelet's for logs.
const PERIOD: Duration = Duration::from_secs(10);
/// Pods looked at at the same time: one that hangs does not keep the others waiting.
const AT_ONCE: usize = 16;

/// Goes round until it is told to end.
pub(super) async fn go(inner: Arc<Inner>, ended: CancellationToken) {
    let mut due = tokio::time::interval(PERIOD);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => return,
            _ = due.tick() => {}
        }
        let visits = stream::iter(visits(&inner)).for_each_concurrent(AT_ONCE, |visit| visit);
        tokio::select! {
            biased;
            () = ended.cancelled() => return,
            () = visits => {}
        }
    }
}

/// Every pod's part of a round.
fn visits(inner: &Arc<Inner>) -> Vec<BoxFuture<'_, ()>> {
    let (known, unreached) = (inner.pods.all(), inner.unreached.all());
    let known = known
        .into_iter()
        .map(|entry| -> BoxFuture<'_, ()> { Box::pin(visit(inner, entry)) });
    let unreached = unreached
        .into_iter()
        .map(|pod| -> BoxFuture<'_, ()> { Box::pin(recover::find_again(inner, pod)) });
    known.chain(unreached).collect()
}

async fn visit(inner: &Arc<Inner>, entry: Arc<Entry>) {
    match entry.shim.state().await {
        Ok(state) => {
            if entry.found_again() {
                inner.tell(&entry.pod.uid, Fact::ContactRestored).await;
            }
            rotate(inner, &entry, &state).await;
        }
        Err(error @ ShimError::TimedOut) => {
            if entry.lost_sight() {
                tracing::warn!(pod.key = %entry.pod.key, %error, "no contact to the pod");
                let message = error.to_string();
                inner
                    .tell(&entry.pod.uid, Fact::ContactLost { message })
                    .await;
            }
        }
        // The end of a shim is told by its connection.
        Err(_) => {}
    }
}

async fn rotate(inner: &Arc<Inner>, entry: &Entry, state: &State) {
    for container in &state.containers {
        let running = matches!(container.status, ContainerStatus::Running(_));
        let Some((name, attempt)) = entry.name_of(&container.id).filter(|_| running) else {
            continue;
        };
        let log = inner.layout.log(&entry.pod, &name, attempt);
        let moved = blocking(move || logs::rotate(&log, logs::Limits::default())).await;
        let reopened = match moved {
            Ok(false) => continue,
            Ok(true) => entry
                .shim
                .reopen_log(&container.id)
                .await
                .map_err(std::io::Error::other),
            Err(error) => Err(error),
        };
        if let Err(error) = reopened {
            tracing::warn!(pod.key = %entry.pod.key, container = name, %error, "cannot rotate a log");
        }
    }
}
