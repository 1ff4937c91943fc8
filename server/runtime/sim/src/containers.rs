//! Instances: started by the engine's wish, ended by their script or a signal.

use std::{path::Path, sync::Arc};

use lifepod_lifecycle::{
    effect::PodRef,
    id::{OpId, PodUid},
    input::{Exit, Fact, StartFailure},
    spec::TerminationMessagePolicy,
    time::Timestamp,
    transition::{ExitStatus, Observation},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    dice, log, process,
    process::{Ending, Signal},
    runtime::Shared,
    script::{self, StartScript},
    world::{Instance, Slot, World},
};

/// As much of the log as becomes a termination message: the kubelet's bounds.
const FALLBACK_LINES: usize = 80;
const FALLBACK_BYTES: usize = 2048;

/// Why a container did not start.
struct Failed(StartFailure, String);

/// Starts a container, or answers again what an earlier request for it did.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    pod: &PodRef,
    op: OpId,
    slot: Slot,
    image_id: String,
) -> Fact {
    let container_id = dice::id(&["container", pod.uid.as_str(), &slot.0, &slot.1.to_string()]);
    match started(shared, pod, slot, image_id, &container_id).await {
        Ok(at) => Fact::ContainerStarted {
            op,
            container_id,
            at,
        },
        Err(Failed(failure, message)) => Fact::ContainerFailed {
            op,
            failure,
            // Only a failed start leaves an instance behind.
            container_id: match failure {
                StartFailure::Start => container_id,
                StartFailure::Config | StartFailure::Create => String::new(),
            },
            message,
        },
    }
}

async fn started(
    shared: &Arc<Shared>,
    pod: &PodRef,
    slot: Slot,
    image_id: String,
    container_id: &str,
) -> Result<Timestamp, Failed> {
    let known = |shared: &Shared| {
        let mut world = shared.world.lock();
        world.instance(&pod.uid, &slot).map(|i| i.started_at)
    };
    if let Some(at) = known(shared) {
        return Ok(at);
    }
    let mut script = script::check(pod)
        .and_then(|()| script::start(pod, &slot.0, slot.1, shared.seed))
        .map_err(|error| Failed(StartFailure::Config, error.to_string()))?;
    let policy = pod
        .container(&slot.0)
        .map(|spec| spec.termination_message_policy);
    if policy == Some(TerminationMessagePolicy::FallbackToLogsOnError) {
        script.fallback = last_lines(&script.log);
    }
    let at = shared.clock.now() + script.start;
    shared.clock.sleep_until(at).await;
    if let Some(failure) = script.fails {
        let text = "the start fails by its script".to_owned();
        return Err(Failed(failure, text));
    }
    if shared.library.lock().find(&image_id).is_none() {
        let text = format!("image `{image_id}` not found");
        return Err(Failed(StartFailure::Create, text));
    }
    let path = log::file(&shared.log_root, pod, &slot.0, slot.1);
    write_log(&path, &script, at)?;
    begin(shared, &pod.uid, slot, image_id, container_id, script, at)
}

fn write_log(path: &Path, script: &StartScript, at: Timestamp) -> Result<(), Failed> {
    log::write(path, &script.log, at).map_err(|error| {
        let text = format!("log file `{}`: {error}", path.display());
        Failed(StartFailure::Create, text)
    })
}

/// The process exists from here on.
fn begin(
    shared: &Arc<Shared>,
    pod: &PodUid,
    slot: Slot,
    image_id: String,
    container_id: &str,
    script: StartScript,
    started_at: Timestamp,
) -> Result<Timestamp, Failed> {
    let (signals, received) = watch::channel(Signal::None);
    let script = Arc::new(script);
    let instance = Instance {
        container_id: container_id.to_owned(),
        image_id,
        started_at,
        script: Arc::clone(&script),
        signals,
        ended: CancellationToken::new(),
        exit: None,
    };
    let mut world = shared.world.lock();
    let Some(sandbox) = world.sandbox(pod) else {
        let text = "the pod has no sandbox".to_owned();
        return Err(Failed(StartFailure::Create, text));
    };
    // As a kubelet does, keep one dead instance beside the new one.
    sandbox.instances.retain(|(container, attempt), known| {
        *container != slot.0 || known.exit.is_none() || attempt + 1 >= slot.1
    });
    sandbox.instances.insert(slot.clone(), instance);
    world.keep(pod, started_at);
    let life = live(
        Arc::clone(shared),
        pod.clone(),
        slot,
        script,
        started_at,
        received,
    );
    shared.processes.spawn(life);
    Ok(started_at)
}

/// Goes on with the processes of a pod that an earlier server had started: those that ended
/// meanwhile have ended, the others live on.
pub(crate) fn adopt(shared: &Arc<Shared>, world: &mut World, pod: &PodUid) {
    let now = shared.clock.now();
    let Some(sandbox) = world.sandbox(pod) else {
        return;
    };
    let mut gone = Vec::new();
    for (slot, instance) in &mut sandbox.instances {
        if instance.exit.is_some() {
            continue;
        }
        let signal = *instance.signals.borrow();
        match process::fate(&instance.script, instance.started_at, signal) {
            Some((at, None)) if at <= now => gone.push(slot.clone()),
            Some((at, Some(status))) if at <= now => end(instance, status, at),
            _ => {
                let life = live(
                    Arc::clone(shared),
                    pod.clone(),
                    slot.clone(),
                    Arc::clone(&instance.script),
                    instance.started_at,
                    instance.signals.subscribe(),
                );
                shared.processes.spawn(life);
            }
        }
    }
    sandbox.instances.retain(|slot, _| !gone.contains(slot));
}

/// One process from its start to its end, which it records before it tells.
async fn live(
    shared: Arc<Shared>,
    pod: PodUid,
    slot: Slot,
    script: Arc<StartScript>,
    started_at: Timestamp,
    signals: watch::Receiver<Signal>,
) {
    let (at, ending) = tokio::select! {
        biased;
        () = shared.detached.cancelled() => return,
        end = process::run(&shared.clock, &script, started_at, signals) => end,
    };
    let Some(fact) = ended(&shared, &pod, slot, &script, at, ending) else {
        return;
    };
    tokio::select! {
        biased;
        () = shared.detached.cancelled() => {}
        () = shared.deliver(&pod, fact) => {}
    }
}

/// Records the end of a process. Answers what to tell of it, if anybody can hear that.
fn ended(
    shared: &Shared,
    pod: &PodUid,
    slot: Slot,
    script: &Arc<StartScript>,
    at: Timestamp,
    ending: Ending,
) -> Option<Fact> {
    let mut world = shared.world.lock();
    // Its sandbox was removed, or made anew: nobody asks any more.
    let own = |i: &&mut Instance| Arc::ptr_eq(&i.script, script);
    let instance = world.running(pod, &slot).filter(own)?;
    let Some(status) = ending else {
        instance.ended.cancel();
        world.sandbox(pod)?.instances.remove(&slot);
        world.keep(pod, at);
        return world.heard(pod).then(|| world.recovered(pod));
    };
    end(instance, status, at);
    let fact = Fact::ContainerExited {
        container: slot.0,
        attempt: slot.1,
        container_id: instance.container_id.clone(),
        started_at: instance.started_at,
        exit: instance.exit.clone()?,
        observation: Observation::Direct,
    };
    world.keep(pod, at);
    world.heard(pod).then_some(fact)
}

fn end(instance: &mut Instance, status: ExitStatus, at: Timestamp) {
    instance.exit = Some(Exit {
        message: instance.script.last_words(status.code).to_owned(),
        status,
        finished_at: at,
    });
    instance.ended.cancel();
}

/// The end of a log, as the kubelet takes it for a termination message.
fn last_lines(log: &[String]) -> String {
    let text: String = log.iter().map(|line| format!("{line}\n")).collect();
    let lines = text.lines().count().saturating_sub(FALLBACK_LINES);
    let text: String = text.split_inclusive('\n').skip(lines).collect();
    let from = text.ceil_char_boundary(text.len().saturating_sub(FALLBACK_BYTES));
    text[from..].to_owned()
}
