//! `lifepod get pods -w`.

use lifepod_client::{Pods, ResetReason, Selector, WatchEvent, WatchOptions, WatchStart, proto};

use super::format::{Format, Ticker};
use crate::{args::GetArgs, failure::Failure, output, render::Clock, targets::Targets};

pub(super) async fn run(
    pods: &Pods,
    targets: &Targets,
    format: &Format,
    args: &GetArgs,
) -> Result<(), Failure> {
    let selector = selector(pods, targets, args).await?;
    let start = if args.watch_only {
        WatchStart::Now
    } else {
        WatchStart::Snapshot
    };
    let mut watch = pods.watch(WatchOptions {
        selector,
        start,
        ..Default::default()
    });
    let mut ticker = Ticker::new(format);
    let mut snapshot: Vec<proto::Pod> = Vec::new();
    while let Some(event) = watch.next().await {
        match event? {
            WatchEvent::Reset(reason) => {
                snapshot.clear();
                note_reset(reason);
            }
            WatchEvent::Snapshot(pod) => snapshot.push(*pod),
            WatchEvent::SnapshotDone { .. } => {
                ticker.print(&std::mem::take(&mut snapshot), &Clock::system())?;
            }
            WatchEvent::Change(change) => {
                let pod: Vec<proto::Pod> = change.pod.into_iter().collect();
                ticker.print(&pod, &Clock::system())?;
            }
            WatchEvent::Progress { .. } => {}
        }
    }
    Ok(())
}

async fn selector(pods: &Pods, targets: &Targets, args: &GetArgs) -> Result<Selector, Failure> {
    match targets.names.as_slice() {
        [] => Ok(args.selector.selector()),
        [name] => {
            // A pod that is not there is an error here, and nothing to wait for.
            pods.get(name).await?;
            Ok(Selector::name(name))
        }
        _ => Err(Failure::error(
            "you may only specify a single resource when watching",
        )),
    }
}

fn note_reset(reason: ResetReason) {
    match reason {
        ResetReason::Started => {}
        ResetReason::Expired => output::note("Warning: the watch fell behind; changes were missed"),
        ResetReason::EpochChanged => {
            output::note("Warning: the server has another store now; starting over");
        }
    }
}
