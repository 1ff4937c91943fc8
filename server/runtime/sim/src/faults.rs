//! What scripts let happen to a pod from outside: its sandbox is lost, or the contact to it.

use std::sync::Arc;

use lifepod_lifecycle::{effect::PodRef, id::PodUid, input::Fact, time::Timestamp};

use crate::{
    runtime::Shared,
    script::{self, ContactScript},
    world::Silence,
};

/// Lets happen to a pod's first sandbox what the scripts say. Mistakes in them are told where they
/// are first read, at the making of the sandbox.
pub(crate) fn plan(shared: &Arc<Shared>, pod: &PodRef, attempt: u32, made_at: Timestamp) {
    if attempt > 0 {
        return;
    }
    if let Ok(script) = script::sandbox(pod, shared.seed)
        && let Some(after) = script.lost
    {
        spawn(
            shared,
            lose_sandbox(Arc::clone(shared), pod.uid.clone(), made_at + after),
        );
    }
    if let Ok(Some(script)) = script::contact(pod, shared.seed) {
        let uid = pod.uid.clone();
        spawn(
            shared,
            lose_contact(Arc::clone(shared), uid, made_at, script),
        );
    }
}

fn spawn(shared: &Arc<Shared>, fault: impl Future<Output = ()> + Send + 'static) {
    let detached = shared.detached.clone();
    shared.processes.spawn(async move {
        tokio::select! {
            biased;
            () = detached.cancelled() => {}
            () = fault => {}
        }
    });
}

async fn lose_sandbox(shared: Arc<Shared>, pod: PodUid, at: Timestamp) {
    shared.clock.sleep_until(at).await;
    {
        let mut world = shared.world.lock();
        if world
            .sandbox(&pod)
            .is_none_or(|sandbox| sandbox.attempt > 0)
        {
            return;
        }
        world.remove_sandbox(&pod);
        world.keep(&pod, at);
        if !world.heard(&pod) {
            return;
        }
    }
    let message = "the sandbox is lost by its script".to_owned();
    shared.deliver(&pod, Fact::SandboxLost { message }).await;
}

async fn lose_contact(shared: Arc<Shared>, pod: PodUid, made_at: Timestamp, script: ContactScript) {
    shared.clock.sleep_until(made_at + script.lost).await;
    let until = script.back.map(|back| made_at + back);
    let silence = Silence {
        until,
        missed: false,
    };
    match shared.world.lock().pods.get_mut(&pod) {
        Some(pod) => pod.silence = Some(silence),
        None => return,
    }
    let message = "the pod cannot be reached by its script".to_owned();
    shared.deliver(&pod, Fact::ContactLost { message }).await;
    let Some(until) = until else {
        return std::future::pending().await;
    };
    shared.clock.sleep_until(until).await;
    let fact = {
        let mut world = shared.world.lock();
        let Some(silence) = world.pods.get_mut(&pod).and_then(|pod| pod.silence.take()) else {
            return;
        };
        if silence.missed {
            world.recovered(&pod)
        } else {
            Fact::ContactRestored
        }
    };
    shared.deliver(&pod, fact).await;
}

/// Completes while the pod can be reached.
pub(crate) async fn reach(shared: &Shared, pod: &PodUid) {
    loop {
        let silence = {
            let world = shared.world.lock();
            world.pods.get(pod).and_then(|pod| pod.silence)
        };
        match silence {
            None => return,
            Some(Silence { until: None, .. }) => std::future::pending().await,
            Some(Silence {
                until: Some(until), ..
            }) => {
                shared.clock.sleep_until(until).await;
                // Whose task it is to end the silence may not have come to it yet.
                tokio::task::yield_now().await;
            }
        }
    }
}
