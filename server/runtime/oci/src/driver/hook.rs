//! `RunHook`: exec and sleep hooks (spec §5).

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{effect::PodRef, input::Outcome, spec::Handler};

use super::{Inner, streams};

/// What of a hook's output is kept for its message.
const OUTPUT_LIMIT: usize = 10 * 1024;

pub(super) async fn run(
    inner: &Arc<Inner>,
    pod: &PodRef,
    container: &str,
    container_id: &str,
    handler: &Handler,
) -> Outcome {
    match handler {
        Handler::Exec { command } => exec(inner, pod, container, container_id, command).await,
        Handler::Sleep { seconds } => {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            Outcome::Success
        }
        Handler::HttpGet(_) | Handler::TcpSocket { .. } | Handler::Grpc { .. } => Outcome::Error {
            message: "error: this kind of hook is not offered by this runtime".into(),
        },
    }
}

async fn exec(
    inner: &Arc<Inner>,
    pod: &PodRef,
    container: &str,
    id: &str,
    command: &[String],
) -> Outcome {
    match streams::run_to_end(inner, pod, container, id, command, OUTPUT_LIMIT).await {
        Ok(done) if done.exit_code == 0 => Outcome::Success,
        Ok(done) => {
            let (stdout, stderr) = (
                String::from_utf8_lossy(&done.stdout),
                String::from_utf8_lossy(&done.stderr),
            );
            let text = format!(
                "error: command '{}' exited with {}: {}, message: {:?}",
                command.join(" "),
                done.exit_code,
                stderr.trim_end(),
                format!("{stdout}{stderr}")
            );
            Outcome::Failure { message: text }
        }
        Err(error) => Outcome::Error {
            message: format!("error: {error}"),
        },
    }
}
