//! `exec`: a command in the container.

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::input::Outcome;
use tokio::time::timeout;

use super::{
    super::{
        Inner,
        streams::{self, Done},
    },
    OUTPUT_LIMIT, Of,
};
use crate::bundle::expand_literal;

pub(super) async fn hook(inner: &Arc<Inner>, of: Of<'_>, command: &[String]) -> Outcome {
    match run(inner, of, command).await {
        Ok(done) if done.exit_code == 0 => Outcome::Success,
        Ok(done) => {
            let stderr = String::from_utf8_lossy(&done.stderr);
            let text = format!(
                "error: command '{}' exited with {}: {}, message: {:?}",
                command.join(" "),
                done.exit_code,
                stderr.trim_end(),
                output(&done)
            );
            Outcome::Failure { message: text }
        }
        Err(message) => Outcome::Error {
            message: format!("error: {message}"),
        },
    }
}

pub(super) async fn probe(
    inner: &Arc<Inner>,
    of: Of<'_>,
    command: &[String],
    limit: Duration,
) -> Outcome {
    // Unlike hooks, probes know the container's literal variables.
    let command: Vec<String> = match of.pod.container(of.container) {
        Some(container) => expand_literal(container, command),
        None => command.to_vec(),
    };
    // Running out of time drops the attempt, which kills the command's process group.
    match timeout(limit, run(inner, of, &command)).await {
        Ok(Ok(done)) if done.exit_code == 0 => Outcome::Success,
        Ok(Ok(done)) => Outcome::Failure {
            message: output(&done),
        },
        Ok(Err(message)) => Outcome::Error { message },
        Err(_) => Outcome::Failure {
            message: format!(
                "command timed out: {:?} timed out after {}s",
                command.join(" "),
                limit.as_secs()
            ),
        },
    }
}

async fn run(inner: &Arc<Inner>, of: Of<'_>, command: &[String]) -> Result<Done, String> {
    let Of {
        pod,
        container,
        container_id,
    } = of;
    streams::run_to_end(inner, pod, container, container_id, command, OUTPUT_LIMIT)
        .await
        .map_err(|error| error.to_string())
}

fn output(done: &Done) -> String {
    let stdout = String::from_utf8_lossy(&done.stdout);
    format!("{stdout}{}", String::from_utf8_lossy(&done.stderr))
}
