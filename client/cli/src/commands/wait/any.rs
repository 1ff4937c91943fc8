//! `lifepod wait --any`: the first condition of the first pod ends it.

use futures::{StreamExt as _, stream::FuturesUnordered};
use lifepod_client::{Pods, Wait, WaitOutcome, proto::wait_condition::Condition};
use tokio::time::Instant;

use super::Limit;
use crate::{
    failure::{self, Failure},
    output,
};

/// Waits for all pods at once. Answers the name of the first one of which a condition was true.
pub(super) async fn wait(
    pods: &Pods,
    names: &[String],
    conditions: &[Condition],
    limit: Limit,
) -> Result<String, Failure> {
    let left = limit.deadline.saturating_duration_since(Instant::now());
    let Some((first, others)) = conditions.split_first() else {
        return Err(Failure::error("unrecognized condition: []"));
    };
    let wait = others
        .iter()
        .fold(Wait::condition(first.clone()), |wait, other| {
            wait.or(other.clone())
        });
    let wait = wait.within(left);
    let waits = names.iter().map(|name| {
        let wait = wait.clone();
        async move { (name, pods.wait_for(name, wait).await) }
    });
    let mut waits: FuturesUnordered<_> = waits.collect();
    while let Some((name, outcome)) = waits.next().await {
        match outcome {
            Ok(WaitOutcome::Met { .. }) => return Ok(name.clone()),
            Ok(WaitOutcome::Impossible { message, .. }) => output::note(&format!(
                "error: no condition on pods/{name} can ever be met: {message}"
            )),
            Ok(WaitOutcome::TimedOut { .. }) => {
                let text = format!("error: timed out waiting for any condition on pods/{name}");
                output::note(&text);
            }
            Err(error) => output::note(&failure::told(&error, "")),
        }
    }
    Err(Failure::Exit(1))
}
