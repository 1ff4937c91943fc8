//! WatchPods: one cursor per stream, read only when the client asks for more.
//!
//! ```text
//! started ─► (snapshot_pod* ─► snapshot_done)? ─► change* with progress when caught up and
//!                                                 after each silence ─► typed status
//! ```
//! Most watches are at the end of the log. There they take frames that were judged and encoded
//! once for everybody with the same selector and view ([`Channels`]); one that is behind reads the
//! journal by itself until it gets there.

mod body;
mod channel;
mod frame;
mod membership;
mod stream;

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{Pod, id::Revision, validate::Violations};
use lifepod_proto::v1 as proto;
use proto::watch_pods_request::Start;

pub(crate) use self::{body::PodRoutes, channel::Channels, frame::Encoder};
use self::{
    membership::Membership,
    stream::{Frames, Stage, Watch},
};
use super::past::check_position;
use crate::{
    convert::{meta::view, time::duration_from},
    error::{ApiError, Result},
    selector::Selector,
    shared::Shared,
};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3600);

/// Where a watch begins, and what is known of the pods there.
struct Origin {
    after: Revision,
    /// Pods to tell first; none without a snapshot.
    snapshot: Option<Vec<Arc<Pod>>>,
    membership: Membership,
}

/// Opens a watch; nothing is read before its first frame is asked for.
///
/// # Errors
/// Why it cannot begin.
pub(super) fn open(shared: &Arc<Shared>, request: &proto::WatchPodsRequest) -> Result<Frames> {
    shared.check_open()?;
    let selector = Arc::new(Selector::parse(request.selector.as_ref())?);
    let interval = interval(request.progress_interval.as_ref())?;
    let view = view(request.view);
    // Before the origin: what comes after it is then in the channel.
    let channel = shared.channels.join(shared, Arc::clone(&selector), view);
    let origin = origin(shared, request.start.as_ref(), &selector)?;
    let watch = Watch::new(
        Arc::clone(shared),
        channel,
        origin.membership,
        shared.engine.watch(origin.after),
        interval,
        Stage::begin(origin.snapshot),
    );
    Ok(watch.into_frames())
}

fn origin(shared: &Shared, start: Option<&Start>, selector: &Arc<Selector>) -> Result<Origin> {
    // What was before matters only to a watch that is behind its channel, and can be looked up.
    let from = |after| Origin {
        after,
        snapshot: None,
        membership: Membership::unknown(Arc::clone(selector)),
    };
    match start {
        Some(Start::ResumeToken(token)) => {
            let after = shared.tokens.read_resume(token, selector.hash())?;
            check_position(shared, after)?;
            Ok(from(after))
        }
        Some(Start::Snapshot(_)) => {
            let snapshot = shared.engine.snapshot();
            let mut pods = snapshot.pods;
            pods.retain(|pod| selector.matches(pod));
            Ok(Origin {
                after: snapshot.revision,
                membership: Membership::known(Arc::clone(selector), &pods),
                snapshot: Some(pods),
            })
        }
        Some(Start::Now(_)) => Ok(from(shared.engine.revision())),
        None => {
            let mut violations = Violations::default();
            violations.required("start", "one of resumeToken, snapshot and now");
            Err(ApiError::fields("WatchPodsRequest", violations))
        }
    }
}

fn interval(given: Option<&prost_types::Duration>) -> Result<Duration> {
    let Some(given) = given else {
        return Ok(DEFAULT_INTERVAL);
    };
    match duration_from(given).filter(|interval| INTERVALS.contains(interval)) {
        Some(interval) => Ok(interval),
        None => {
            let mut violations = Violations::default();
            let text = format!("{}s", given.seconds);
            violations.invalid(
                "progressInterval",
                text,
                "must be between 1s and 1h, inclusive",
            );
            Err(ApiError::fields("WatchPodsRequest", violations))
        }
    }
}
