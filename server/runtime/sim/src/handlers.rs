//! Hooks and probes of simulated containers.

use std::time::Duration;

use lifepod_lifecycle::{id::PodUid, input::Outcome, spec::Handler, transition::HookKind};

use crate::{runtime::Shared, world::Slot};

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

/// A probe succeeds while its container runs.
pub(crate) fn probe(shared: &Shared, pod: &PodUid, slot: &Slot) -> Outcome {
    match shared.world.lock().running(pod, slot) {
        Some(_) => Outcome::Success,
        None => not_running(slot),
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
