//! A watcher on a connection of its own, as any other client would be. It notes when each change
//! arrived; whoever asks later loses no precision.

use anyhow::{Context, Result, bail};
use lifepod_client::{
    Client, WatchEvent, WatchOptions,
    proto::{ChangeKind, PodChange, PodPhase, Transition, transition_subject::Subject},
};
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// Changes that may wait to be asked for.
const WAITING: usize = 1 << 16;
const ESTABLISH: Duration = Duration::from_secs(20);

/// A change and when it arrived.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) clock: SystemTime,
    pub(crate) change: PodChange,
}

impl Seen {
    /// Name of the pod.
    pub(crate) fn pod(&self) -> &str {
        let pod = self.change.pod_ref.as_ref();
        pod.map(|pod| pod.name.as_str()).unwrap_or_default()
    }

    /// Whether the pod's phase became this.
    pub(crate) fn phase(&self, phase: PodPhase) -> bool {
        let is_phase = |t: &Transition| matches!(subject(t), Some(Subject::Phase(_)));
        let mut changes = self.change.transitions.iter().filter(|t| is_phase(t));
        let short = phase.as_str_name().trim_start_matches("POD_PHASE_");
        changes.any(|t| t.to.eq_ignore_ascii_case(short))
    }

    /// Whether the pod is gone.
    pub(crate) fn gone(&self) -> bool {
        self.change.kind() == ChangeKind::Deleted
    }
}

/// What a transition is about.
pub(crate) fn subject(transition: &Transition) -> Option<&Subject> {
    transition.subject.as_ref()?.subject.as_ref()
}

/// The watcher.
#[derive(Debug)]
pub(crate) struct Observer {
    seen: mpsc::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Connects; completes when the watch has begun, so that nothing after it is missed.
    pub(crate) async fn connect(socket: &Path) -> Result<Self> {
        let client = Client::connect(format!("unix://{}", socket.display())).await?;
        let (sender, seen) = mpsc::channel(WAITING);
        let (begun, begin) = oneshot::channel();
        let task = tokio::spawn(watch(client, sender, begun));
        let started = timeout(ESTABLISH, begin).await;
        started
            .context("the watch does not begin")?
            .context("the watch ended at once")?;
        Ok(Self { seen, task })
    }

    /// The next change that fits; earlier ones are let go of.
    pub(crate) async fn until(
        &mut self,
        patience: Duration,
        what: &str,
        mut fits: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen> {
        let look = async {
            while let Some(seen) = self.seen.recv().await {
                if fits(&seen) {
                    return Ok(seen);
                }
            }
            bail!("the watch ended before {what}")
        };
        let found = timeout(patience, look).await;
        found.with_context(|| format!("not seen in {patience:?}: {what}"))?
    }

    /// Lets go of everything seen so far.
    pub(crate) fn forget(&mut self) {
        while self.seen.try_recv().is_ok() {}
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(client: Client, sender: mpsc::Sender<Seen>, begun: oneshot::Sender<()>) {
    let mut watch = client.all_pods().watch(WatchOptions::default());
    let mut begun = Some(begun);
    while let Some(Ok(event)) = watch.next().await {
        let (at, clock) = (Instant::now(), SystemTime::now());
        match event {
            WatchEvent::SnapshotDone { .. } => {
                begun.take().map(|begun| begun.send(()));
            }
            WatchEvent::Change(change) => {
                let change = *change;
                if sender.send(Seen { at, clock, change }).await.is_err() {
                    return;
                }
            }
            _ => {}
        }
    }
}
