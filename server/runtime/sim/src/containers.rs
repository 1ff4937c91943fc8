//! Instances: started by the engine's wish, ended by their script or a signal.

use std::{path::Path, sync::Arc};

use lifepod_lifecycle::{
    effect::PodRef,
    id::{OpId, PodUid},
    input::{Exit, Fact, StartFailure},
    time::Timestamp,
    transition::Observation,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    dice, log, process,
    process::Signal,
    runtime::Shared,
    script::{self, StartScript},
    world::{Instance, Slot},
};

/// Longest termination message, as for a real one.
const MESSAGE_LIMIT: usize = 4096;

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
    let script = script::check(pod)
        .and_then(|()| script::start(pod, &slot.0, slot.1, shared.seed))
        .map_err(|error| Failed(StartFailure::Config, error.to_string()))?;
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

/// One process from its start to its end, which it records before it tells.
async fn live(
    shared: Arc<Shared>,
    pod: PodUid,
    slot: Slot,
    script: Arc<StartScript>,
    started_at: Timestamp,
    signals: watch::Receiver<Signal>,
) {
    let (finished_at, status) = tokio::select! {
        biased;
        () = shared.detached.cancelled() => return,
        end = process::run(&shared.clock, &script, started_at, signals) => end,
    };
    let exit = Exit {
        status,
        finished_at,
        message: bounded(&script.message).to_owned(),
    };
    let container_id = {
        let mut world = shared.world.lock();
        // Its sandbox was removed, or made anew: nobody asks any more.
        let own = |i: &&mut Instance| Arc::ptr_eq(&i.script, &script);
        let Some(instance) = world.running(&pod, &slot).filter(own) else {
            return;
        };
        instance.exit = Some(exit.clone());
        instance.ended.cancel();
        instance.container_id.clone()
    };
    let (container, attempt) = slot;
    let fact = Fact::ContainerExited {
        container,
        attempt,
        container_id,
        started_at,
        exit,
        observation: Observation::Direct,
    };
    tokio::select! {
        biased;
        () = shared.detached.cancelled() => {}
        () = shared.deliver(&pod, fact) => {}
    }
}

fn bounded(text: &str) -> &str {
    let end = text.floor_char_boundary(MESSAGE_LIMIT);
    &text[..end]
}
