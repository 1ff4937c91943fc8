//! Follows a shim's events: exits of containers, the end of the shim itself.

use std::sync::Arc;

use lifepod_lifecycle::{
    effect::PodRef,
    input::{Exit, Fact, InstanceFacts},
    time::Timestamp,
    transition::{ExitStatus, Observation},
};
use lifepod_shim::{ExitRecord, SandboxDir};

use super::{Inner, blocking, messages, pods::Entry};
use crate::shim::{ShimEvent, ShimEvents};

/// Follows the events of a sandbox until it is let go of.
pub(super) fn follow(inner: &Arc<Inner>, entry: Arc<Entry>, mut events: ShimEvents) {
    let inner = Arc::clone(inner);
    let watching = entry.watching.clone();
    let tasks = inner.tasks.clone();
    tasks.spawn(async move {
        loop {
            let event = tokio::select! {
                biased;
                () = watching.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                ShimEvent::ContainerExited(record) => exited(&inner, &entry, &record).await,
                ShimEvent::Lost => return lost(&inner, &entry).await,
            }
        }
    });
}

/// Tells the end of an instance; telling it again changes nothing.
pub(super) async fn exited(inner: &Arc<Inner>, entry: &Arc<Entry>, record: &ExitRecord) {
    let Some((container, attempt)) = entry.name_of(&record.container_id) else {
        tracing::warn!(pod.uid = %entry.pod.uid, container.id = record.container_id, "exit of an unknown container");
        return;
    };
    let exit = exit(inner, &entry.pod, record, &container, attempt).await;
    entry.tell_end(&record.container_id, &exit.status);
    tracing::info!(pod.key = %entry.pod.key, container, attempt, exit_code = exit.status.code, "container exited");
    let fact = Fact::ContainerExited {
        container,
        attempt,
        container_id: record.container_id.clone(),
        started_at: timestamp(record.started_at),
        exit,
        observation: Observation::Direct,
    };
    inner.tell(&entry.pod.uid, fact).await;
}

/// An exit record with its termination message.
async fn exit(
    inner: &Inner,
    pod: &PodRef,
    record: &ExitRecord,
    container: &str,
    attempt: u32,
) -> Exit {
    let status = ExitStatus {
        code: record.exit_code,
        signal: record.signal.unwrap_or(0),
        oom_killed: record.oom_killed,
    };
    let file = inner.layout.termination_log(&pod.uid, container, attempt);
    let log = inner.layout.log(pod, container, attempt);
    let (spec, code) = (pod.container(container).cloned(), record.exit_code);
    let read = blocking(move || Ok(spec.map(|spec| messages::message(&spec, code, &file, &log))));
    let message = read.await.ok().flatten().unwrap_or_default();
    Exit {
        status,
        finished_at: timestamp(record.finished_at),
        message,
    }
}

/// The shim died. What it owned is killed; ends it had recorded are told with their truth.
async fn lost(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let uid = entry.pod.uid.clone();
    tracing::error!(pod.key = %entry.pod.key, pod.uid = %uid, "the pod's shim died");
    let directory = SandboxDir::new(inner.layout.sandbox(&uid, entry.attempt));
    if let Err(error) = crate::shim::kill_leftovers(&directory, &inner.cgroup(&uid)).await {
        tracing::error!(pod.uid = %uid, %error, "cannot kill what the shim left");
    }
    let records = blocking(move || ExitRecord::load_all(&directory))
        .await
        .unwrap_or_default();
    for record in &records {
        exited(inner, entry, record).await;
    }
    inner.pods.remove(&uid);
    inner
        .tell(
            &uid,
            Fact::SandboxLost {
                message: "the pod's shim died".into(),
            },
        )
        .await;
}

/// An instance of a recovered sandbox.
pub(super) async fn instance(
    inner: &Inner,
    pod: &PodRef,
    record: &ExitRecord,
    container: &str,
    attempt: u32,
) -> InstanceFacts {
    InstanceFacts {
        container: container.to_owned(),
        attempt,
        container_id: record.container_id.clone(),
        started_at: timestamp(record.started_at),
        exit: Some(exit(inner, pod, record, container, attempt).await),
    }
}

pub(super) fn timestamp(time: lifepod_shim::UnixNanos) -> Timestamp {
    Timestamp(time.0)
}
