//! `lifepod wait`.

mod any;
mod condition;

use std::time::Duration;

use lifepod_client::{Pods, Wait, WaitOutcome, proto::wait_condition::Condition};
use tokio::time::Instant;

use super::connect;
use crate::{
    args::{Global, WaitArgs},
    duration::{self, Signed},
    failure::{self, Failure},
    output, targets,
    targets::Targets,
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) async fn run(global: &Global, args: &WaitArgs) -> Result<(), Failure> {
    if args.conditions.is_empty() {
        return Err(Failure::error("unrecognized condition: []"));
    }
    let conditions: Vec<Condition> = args
        .conditions
        .iter()
        .map(|text| condition::condition(text))
        .collect::<Result<_, _>>()?;
    let names_only = match args.output.as_deref() {
        None => false,
        Some("name") => true,
        Some(other) => {
            return Err(Failure::error(format!(
                "unexpected -o output mode: {other}"
            )));
        }
    };
    let limit = match duration::parse(&args.timeout, "--timeout")? {
        Signed::Positive(limit) => limit,
        Signed::Negative => WEEK,
    };
    let client = connect(global).await?;
    let pods = client.pods(targets::namespace(global));
    let names = names(&pods, args, &conditions).await?;
    let limit = Limit {
        deadline: Instant::now() + limit,
        looks_once: limit.is_zero(),
    };
    if names.is_empty() {
        // Deletion is waited for, and there is nothing left to delete.
        return Ok(());
    }
    if args.any {
        let name = any::wait(&pods, &names, &conditions, limit).await?;
        return tell(&name, names_only);
    }
    let mut failed = false;
    for name in names {
        match wait_for_all(&pods, &name, &conditions, limit).await {
            Ok(true) => tell(&name, names_only)?,
            Ok(false) => {}
            Err(told) => {
                output::note(&told);
                failed = true;
            }
        }
    }
    if failed {
        Err(Failure::Exit(1))
    } else {
        Ok(())
    }
}

fn tell(name: &str, names_only: bool) -> Result<(), Failure> {
    let what = if names_only { "" } else { " condition met" };
    output::line(&format!("pod/{name}{what}"))
}

async fn names(
    pods: &Pods,
    args: &WaitArgs,
    conditions: &[Condition],
) -> Result<Vec<String>, Failure> {
    if args.targets.is_empty() {
        return Err(Failure::error("resource(s) must be provided"));
    }
    let names = Targets::parse(&args.targets)?.names;
    if !names.is_empty() {
        return Ok(names);
    }
    if !args.all && args.selector.is_empty() {
        return Err(Failure::error(
            "resource(s) were provided, but no name was specified",
        ));
    }
    let found = pods.list(&args.selector.selector()).await?.pods;
    let gone = conditions
        .iter()
        .any(|condition| matches!(condition, Condition::Deleted(_)));
    if found.is_empty() && !gone {
        return Err(Failure::error("no matching resources found"));
    }
    Ok(found
        .into_iter()
        .filter_map(|pod| pod.metadata)
        .map(|metadata| metadata.name)
        .collect())
}

/// How long is waited.
#[derive(Clone, Copy)]
struct Limit {
    deadline: Instant,
    looks_once: bool,
}

/// Waits for several conditions, one after the other. False when there is nothing to be told about success.
async fn wait_for_all(
    pods: &Pods,
    name: &str,
    conditions: &[Condition],
    limit: Limit,
) -> Result<bool, String> {
    let mut tells = true;
    for condition in conditions {
        if !matches!(condition, Condition::Created(_)) {
            match pods.get(name).await {
                Ok(_) => {}
                // What is gone already is not told of.
                Err(error)
                    if matches!(condition, Condition::Deleted(_)) && error.is_not_found() =>
                {
                    tells = false;
                    continue;
                }
                Err(error) => return Err(failure::told(&error, "")),
            }
        }
        wait_for_one(pods, name, condition, limit).await?;
    }
    Ok(tells)
}

async fn wait_for_one(
    pods: &Pods,
    name: &str,
    condition: &Condition,
    limit: Limit,
) -> Result<(), String> {
    let left = limit.deadline.saturating_duration_since(Instant::now());
    let wait = Wait::condition(condition.clone()).within(left);
    let outcome = pods
        .wait_for(name, wait)
        .await
        .map_err(|error| failure::told(&error, ""))?;
    match outcome {
        WaitOutcome::Met { .. } => Ok(()),
        WaitOutcome::Impossible { message, .. } => Err(format!(
            "error: the condition on pods/{name} can never be met: {message}"
        )),
        WaitOutcome::TimedOut { .. } if limit.looks_once => {
            Err(format!("error: condition not met for pods/{name}"))
        }
        WaitOutcome::TimedOut { .. } if matches!(condition, Condition::Created(_)) => {
            Err("error: timed out waiting for the condition".to_owned())
        }
        WaitOutcome::TimedOut { .. } => Err(format!(
            "error: timed out waiting for the condition on pods/{name}"
        )),
    }
}
