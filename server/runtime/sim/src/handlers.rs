//! Hooks and probes of simulated containers.

use std::time::Duration;

use lifepod_lifecycle::{
    effect::PodRef,
    id::PodUid,
    input::Outcome,
    spec::Handler,
    transition::{HookKind, ProbeKind},
};

use crate::{runtime::Shared, script::Answer, world::Slot};

/// Runs a hook; it fails early if its container ends meanwhile.
pub(crate) async fn hook(
    shared: &Shared,
    pod: &PodUid,
    slot: &Slot,
    hook: HookKind,
    handler: &Handler,
) -> Outcome {
    let running = shared.world.lock().running(pod, slot).map(|instance| {
        let script = &instance.script;
        let hook = match hook {
            HookKind::PostStart => script.post_start,
            HookKind::PreStop => script.pre_stop,
        };
        (hook, instance.ended.clone())
    });
    let Some((script, ended)) = running else {
        return not_running(slot);
    };
    let takes = match handler {
        Handler::Sleep { seconds } => Duration::from_secs(*seconds),
        // Accepted by Kubernetes' validation, never implemented.
        Handler::TcpSocket { .. } => {
            let message = "Cannot run handler: invalid handler".to_owned();
            return Outcome::Error { message };
        }
        _ => script.takes,
    };
    let until = shared.clock.now() + takes;
    tokio::select! {
        biased;
        () = shared.clock.sleep_until(until) => {}
        () = ended.cancelled() => return failed(handler, 137),
    }
    if script.fails {
        return failed(handler, 1);
    }
    Outcome::Success
}

/// One attempt of a probe.
pub(crate) struct Attempt {
    pub(crate) slot: Slot,
    pub(crate) probe: ProbeKind,
    pub(crate) handler: Handler,
    pub(crate) timeout: Duration,
}

/// Answers an attempt of a probe by the container's script.
pub(crate) async fn probe(shared: &Shared, pod: &PodRef, attempt: &Attempt) -> Outcome {
    let begun = shared.clock.now();
    let given = shared
        .world
        .lock()
        .running(&pod.uid, &attempt.slot)
        .map(|i| {
            let answers = match attempt.probe {
                ProbeKind::Startup => &i.script.startup,
                ProbeKind::Liveness => &i.script.liveness,
                ProbeKind::Readiness => &i.script.readiness,
            };
            let term = i.signals.borrow().stop();
            (answers.at(begun, i.started_at, term), i.ended.clone())
        });
    let Some((answer, ended)) = given else {
        return not_running(&attempt.slot);
    };
    match answer {
        Answer::Ok => Outcome::Success,
        Answer::Warn => Outcome::Warning {
            message: "Probe terminated redirects, Response body: ".to_owned(),
        },
        Answer::Error => Outcome::Error {
            message: "the probe cannot be run, by its script".to_owned(),
        },
        Answer::Fail => Outcome::Failure {
            message: refusal(pod, &attempt.handler),
        },
        Answer::Hang => {
            tokio::select! {
                biased;
                () = shared.clock.sleep_until(begun + attempt.timeout) => {}
                () = ended.cancelled() => return not_running(&attempt.slot),
            }
            let message = overdue(&attempt.handler, attempt.timeout);
            Outcome::Failure { message }
        }
    }
}

/// What a failing probe of each kind says.
fn refusal(pod: &PodRef, handler: &Handler) -> String {
    let ip = pod
        .ips
        .first()
        .map_or_else(String::new, ToString::to_string);
    match handler {
        Handler::Exec { .. } | Handler::Sleep { .. } => String::new(),
        Handler::HttpGet(_) => "HTTP probe failed with statuscode: 500".to_owned(),
        Handler::TcpSocket { .. } => format!("dial tcp {ip}: connect: connection refused"),
        Handler::Grpc { .. } => "service unhealthy (responded with \"NOT_SERVING\")".to_owned(),
    }
}

fn overdue(handler: &Handler, timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    match handler {
        Handler::Exec { command } => {
            let command = command.join(" ");
            format!("command timed out: \"{command}\" timed out after {seconds}s")
        }
        _ => format!("no answer within {seconds}s"),
    }
}

fn not_running((container, _): &Slot) -> Outcome {
    Outcome::Error {
        message: format!("container `{container}` is not running"),
    }
}

/// The kubelet's words, as far as they are the runtime's.
fn failed(handler: &Handler, code: i32) -> Outcome {
    let message = match handler {
        Handler::Exec { command } => format!(
            "error: command '{}' exited with {code}: , message: \"\"",
            command.join(" ")
        ),
        Handler::Sleep { .. } => "container terminated before sleep hook finished".to_owned(),
        _ => "error: connection refused".to_owned(),
    };
    Outcome::Failure { message }
}
