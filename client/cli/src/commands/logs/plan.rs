//! What a `logs` command line means.

use std::time::Duration;

use lifepod_client::{LogOptions, Logs, Pods, reasons, time};

use crate::{
    args::LogsArgs,
    duration::{self, Signed},
    failure::Failure,
    targets,
};

const USAGE: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required \
                     argument for the logs command\nSee 'lifepod logs -h' for help and examples";
/// How often a container that has not started yet is asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// Whose logs are meant.
#[derive(Debug)]
pub(super) enum Which {
    Pod(String),
    Selected,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) which: Which,
    options: LogOptions,
    since: Option<Signed>,
    tail: i64,
}

/// The container that was asked for.
pub(super) fn container(args: &LogsArgs) -> Option<&str> {
    let inline = args.targets.get(1).map(String::as_str);
    args.container.as_deref().or(inline)
}

impl Plan {
    pub(super) fn of(args: &LogsArgs) -> Result<Self, Failure> {
        let which = which(args)?;
        if args.container.is_some() && args.targets.len() > 1 {
            return Err(Failure::error(
                "only one of -c or an inline [CONTAINER] arg is allowed",
            ));
        }
        if args.since.is_some() && args.since_time.is_some() {
            return Err(Failure::error(
                "at most one of `sinceTime` or `sinceSeconds` may be specified",
            ));
        }
        let since = args
            .since
            .as_deref()
            .map(|text| duration::parse(text, "--since"))
            .transpose()?;
        let selects = matches!(which, Which::Selected);
        let tail = args.tail.unwrap_or(if selects { 10 } else { -1 });
        let options = LogOptions {
            follow: args.follow,
            previous: args.previous,
            since_time: args.since_time.as_deref().map(since_time).transpose()?,
            since_seconds: since.and_then(seconds),
            timestamps: args.timestamps,
            tail_lines: (tail >= 0).then_some(tail),
            limit_bytes: args.limit_bytes.filter(|bytes| *bytes != 0),
            ..Default::default()
        };
        Ok(Self {
            which,
            options,
            since,
            tail,
        })
    }

    /// What is wrong with numbers is told only once the pod was found.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.options.limit_bytes.is_some_and(|bytes| bytes < 0) {
            return Err(Failure::error("--limit-bytes must be greater than 0"));
        }
        if self.tail < -1 {
            return Err(Failure::error("--tail must be greater than or equal to -1"));
        }
        if self.since == Some(Signed::Negative) {
            return Err(Failure::error("--since must be greater than 0"));
        }
        Ok(())
    }

    pub(super) fn options(&self, container: &str) -> LogOptions {
        LogOptions {
            container: container.to_owned(),
            ..self.options.clone()
        }
    }
}

fn which(args: &LogsArgs) -> Result<Which, Failure> {
    match (args.targets.as_slice(), args.selector.is_empty()) {
        ([], true) | ([_, _, _, ..], _) => Err(Failure::error(USAGE)),
        ([], false) => Ok(Which::Selected),
        ([pod, ..], true) => Ok(Which::Pod(targets::single(pod)?)),
        (_, false) => Err(Failure::error(
            "only a selector (-l) or a POD name is allowed\nSee 'lifepod logs -h' for help and examples",
        )),
    }
}

fn since_time(text: &str) -> Result<prost_types::Timestamp, Failure> {
    time::parse(text).ok_or_else(|| {
        let layout = "2006-01-02T15:04:05Z07:00";
        Failure::error(format!(
            "parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""
        ))
    })
}

/// Whole seconds, rounded up; nothing for zero, which means everything.
fn seconds(since: Signed) -> Option<i64> {
    match since {
        Signed::Positive(duration) if !duration.is_zero() => {
            let up = u64::from(duration.subsec_nanos() > 0);
            i64::try_from(duration.as_secs() + up).ok()
        }
        _ => None,
    }
}

/// Opens a log to follow. A container that has not started yet is waited for.
pub(super) async fn open(
    pods: &Pods,
    plan: &Plan,
    pod: &str,
    container: &str,
) -> Result<Logs, Failure> {
    loop {
        match pods.logs(pod, plan.options(container)).await {
            Err(error) if error.reason() == reasons::CONTAINER_WAITING => {
                tokio::time::sleep(RETRY).await;
            }
            result => return Ok(result?),
        }
    }
}
