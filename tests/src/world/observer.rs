//! A watch in the background that remembers everything, checks it, and can be waited on.

use super::timeline::Timeline;
use anyhow::{Context, Result, bail, ensure};
use lifepod_client::{
    Pods, Selector, TransitionFilter, Watch, WatchOptions, WatchStart,
    checker::{Checker, Scope, Violation, compare},
    proto::PodPhase,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// Longest wait for anything that ought to happen at once. The machine may be busy.
pub const SOON: Duration = Duration::from_secs(45);
const PROGRESS: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Seen {
    timeline: Timeline,
    checker: Checker,
    token: String,
    ended: Option<String>,
}

/// A watch under way.
#[derive(Debug)]
pub struct Observer {
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
    pods: Pods,
    selector: Selector,
}

impl Observer {
    /// Watches all pods of the server from now on, starting with those there are.
    #[must_use]
    pub fn of_everything(pods: Pods) -> Self {
        Self::start(
            pods,
            Selector::all(),
            WatchStart::Snapshot,
            Scope::Everything,
        )
    }

    /// Watches some pods, or from a position.
    #[must_use]
    pub fn of(pods: Pods, selector: Selector, start: WatchStart) -> Self {
        Self::start(pods, selector, start, Scope::Part)
    }

    fn start(pods: Pods, selector: Selector, start: WatchStart, scope: Scope) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            timeline: Timeline::default(),
            checker: Checker::new(scope),
            token: String::new(),
            ended: None,
        }));
        let watch = pods.watch(WatchOptions {
            selector: selector.clone(),
            start,
            progress_interval: Some(PROGRESS),
            ..WatchOptions::default()
        });
        let (tell, changed) = watch::channel(());
        let task = tokio::spawn(record(watch, Arc::clone(&seen), tell));
        Self {
            seen,
            changed,
            task,
            pods,
            selector,
        }
    }

    /// Waits until what was seen holds what is looked for.
    ///
    /// # Errors
    ///
    /// With everything seen, when it does not come in time or the watch ended.
    pub async fn until<T>(
        &self,
        what: &str,
        find: impl FnMut(&Timeline) -> Option<T>,
    ) -> Result<T> {
        self.within(SOON, what, find).await
    }

    /// As [`Observer::until`], with patience of one's own.
    ///
    /// # Errors
    ///
    /// As [`Observer::until`].
    pub async fn within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut find: impl FnMut(&Timeline) -> Option<T>,
    ) -> Result<T> {
        let mut changed = self.changed.clone();
        let search = async {
            loop {
                changed.mark_unchanged();
                {
                    let seen = self.lock();
                    if let Some(found) = find(&seen.timeline) {
                        return Ok(found);
                    }
                    if let Some(end) = &seen.ended {
                        bail!("the watch ended: {end}");
                    }
                }
                // The sender goes only with the recording task, which says why first.
                let _ = changed.changed().await;
            }
        };
        let found = match timeout(patience, search).await {
            Ok(found) => found,
            Err(_) => Err(anyhow::anyhow!("not within {patience:?}")),
        };
        found.with_context(|| format!("waiting until {what}; seen:\n{}", self.lock().timeline))
    }

    /// Waits until the newest pod of that name is in a phase.
    ///
    /// # Errors
    ///
    /// As [`Observer::until`].
    pub async fn phase(&self, name: &str, phase: PodPhase) -> Result<lifepod_client::proto::Pod> {
        let what = format!("`{name}` is {phase:?}");
        let find = |timeline: &Timeline| {
            let pod = timeline.pod(name)?;
            let now = pod.status.as_ref().map_or(
                PodPhase::Unspecified,
                lifepod_client::proto::PodStatus::phase,
            );
            (now == phase).then(|| pod.clone())
        };
        self.until(&what, find).await
    }

    /// Waits until no pod of that name is left.
    ///
    /// # Errors
    ///
    /// As [`Observer::until`].
    pub async fn gone(&self, name: &str) -> Result<()> {
        let find = |timeline: &Timeline| timeline.is_gone(name).then_some(());
        self.until(&format!("`{name}` is gone"), find).await
    }

    /// Looks at everything seen so far.
    pub fn look<T>(&self, at: impl FnOnce(&Timeline) -> T) -> T {
        at(&self.lock().timeline)
    }

    /// A copy of everything seen so far.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.lock().timeline.clone()
    }

    /// Position right after everything seen so far.
    #[must_use]
    pub fn token(&self) -> String {
        self.lock().token.clone()
    }

    /// Waits until everything up to a revision was seen.
    ///
    /// # Errors
    ///
    /// As [`Observer::until`].
    pub async fn reach(&self, revision: u64) -> Result<()> {
        let what = format!("revision {revision} is reached");
        self.until(&what, |timeline| {
            (timeline.revision() >= Some(revision)).then_some(())
        })
        .await
    }

    /// Waits until everything up to a revision was seen, and checks it, also against the recorded
    /// history.
    ///
    /// # Errors
    ///
    /// With every promise that was broken.
    pub async fn check(&self, newest: u64) -> Result<()> {
        self.reach(newest).await?;
        let mut told = self.lock().timeline.transitions();
        // More may have been told since then.
        told.retain(|transition| transition.revision <= newest);
        let first = self
            .lock()
            .timeline
            .changes()
            .first()
            .map(|change| change.revision);
        let mut broken = Vec::new();
        if let Some(first) = first {
            let filter = TransitionFilter {
                selector: self.selector.clone(),
                from_revision: first,
                to_revision: newest,
                ..TransitionFilter::default()
            };
            broken = compare(&told, &self.pods.transitions(filter).await?);
        }
        self.judge(broken)
    }

    /// As [`Observer::check`], without the recorded history: that cannot be had by labels.
    ///
    /// # Errors
    ///
    /// As [`Observer::check`].
    pub async fn check_promises(&self, newest: u64) -> Result<()> {
        self.reach(newest).await?;
        self.judge(Vec::new())
    }

    fn judge(&self, mut broken: Vec<Violation>) -> Result<()> {
        let seen = self.lock();
        broken.extend_from_slice(seen.checker.violations());
        let lines: Vec<_> = broken.iter().map(Violation::to_string).collect();
        ensure!(
            lines.is_empty(),
            "broken promises:\n{}\nseen:\n{}",
            lines.join("\n"),
            seen.timeline
        );
        let resets = seen.checker.resets();
        ensure!(resets.is_empty(), "the watch began anew: {resets:?}");
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(mut watch: Watch, seen: Arc<Mutex<Seen>>, tell: watch::Sender<()>) {
    while let Some(event) = watch.next().await {
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(event) => {
                    seen.checker.accept(&event);
                    seen.timeline.accept(event);
                    watch.resume_token().clone_into(&mut seen.token);
                }
                Err(error) => seen.ended = Some(error.to_string()),
            }
        }
        tell.send_replace(());
    }
}
