//! Somebody who watches through all kills, in a manner of its own, and writes down what it is told.

use crate::world::Dice;
use anyhow::{Context, Result};
use lifepod_client::{
    Code, Error, Pods, Selector, Watch, WatchEvent, WatchOptions, WatchStart,
    checker::{Checker, Scope, Violation},
    proto::{PodView, Transition},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Everything, at once. Its record is compared with the history.
    Steady,
    /// Everything, and now and then nothing for a while.
    Stalls,
    /// Everything, and leaves and resumes all the time.
    Leaves,
    /// Pods that come and go with a label, and leaves and resumes.
    ByLabel,
    /// Pods that come and go with their phase.
    ByPhase,
}

#[derive(Debug)]
struct Seen {
    checker: Checker,
    /// Kept by the steady one alone.
    told: Vec<Transition>,
    resumes: u64,
    faults: Vec<String>,
    /// Violations that were taken.
    taken: usize,
}

/// A watch, through all its connections.
#[derive(Debug)]
pub(super) struct Watcher {
    habit: Habit,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Habit {
    pub(super) const ALL: [Self; 5] = [
        Self::Steady,
        Self::Stalls,
        Self::Leaves,
        Self::ByLabel,
        Self::ByPhase,
    ];

    fn selector(self) -> Selector {
        match self {
            Self::Steady | Self::Stalls | Self::Leaves => Selector::all(),
            Self::ByLabel => Selector::all().labels("parity=even"),
            Self::ByPhase => Selector::all().fields("status.phase=Running"),
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Steady | Self::Stalls | Self::Leaves => Scope::Everything,
            Self::ByLabel | Self::ByPhase => Scope::Part,
        }
    }

    fn options(self, start: WatchStart) -> WatchOptions {
        WatchOptions {
            selector: self.selector(),
            start,
            view: match self {
                Self::Stalls => PodView::StatusOnly,
                Self::Leaves => PodView::TransitionsOnly,
                Self::Steady | Self::ByLabel | Self::ByPhase => PodView::Full,
            },
            progress_interval: Some(Duration::from_secs(1)),
            fail_when_expired: true,
        }
    }
}

impl Watcher {
    pub(super) fn begin(pods: Pods, habit: Habit, dice: Dice) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            checker: Checker::new(habit.scope()),
            told: Vec::new(),
            resumes: 0,
            faults: Vec::new(),
            taken: 0,
        }));
        let (tell, changed) = watch::channel(());
        let task = tokio::spawn(record(pods, habit, dice, Arc::clone(&seen), tell));
        Self {
            habit,
            seen,
            changed,
            task,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything up to a revision was told.
    pub(super) async fn reach(&self, revision: u64, patience: Duration) -> Result<()> {
        let mut changed = self.changed.clone();
        let reached = async {
            while self.lock().checker.revision() < Some(revision) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        let habit = self.habit;
        timeout(patience, reached)
            .await
            .with_context(|| format!("{habit:?} is not told of revision {revision}"))
    }

    /// Compares what was told with the pods there were then.
    pub(super) async fn shown_at(&self, pods: &Pods) -> Result<Vec<String>> {
        // The watch goes on meanwhile; what it had been told until now does not change.
        let checker = self.lock().checker.clone();
        let revision = checker.revision().unwrap_or_default();
        let listed = pods.list_at(&self.habit.selector(), revision).await?;
        Ok(self.lines(&checker.compare_pods(&listed.pods)))
    }

    /// Every broken promise that was not taken before.
    pub(super) fn take_faults(&self) -> Vec<String> {
        let mut seen = self.lock();
        let mut faults = self.lines(&seen.checker.violations()[seen.taken..]);
        seen.taken = seen.checker.violations().len();
        faults.append(&mut seen.faults);
        faults
    }

    pub(super) fn take_resumes(&self) -> u64 {
        std::mem::take(&mut self.lock().resumes)
    }

    /// The transitions up to a revision that were not taken before.
    pub(super) fn take_told(&self, upto: u64) -> Vec<Transition> {
        let mut seen = self.lock();
        let later = seen.told.partition_point(|one| one.revision <= upto);
        let rest = seen.told.split_off(later);
        std::mem::replace(&mut seen.told, rest)
    }

    fn lines(&self, violations: &[Violation]) -> Vec<String> {
        let line = |violation| format!("{:?}: {violation}", self.habit);
        violations.iter().map(line).collect()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(
    pods: Pods,
    habit: Habit,
    mut dice: Dice,
    seen: Arc<Mutex<Seen>>,
    tell: watch::Sender<()>,
) {
    let mut start = WatchStart::Snapshot;
    loop {
        let mut watch = pods.watch(habit.options(start.clone()));
        let stays = match habit {
            Habit::Leaves | Habit::ByLabel => 1 + dice.below(60),
            Habit::Steady | Habit::Stalls | Habit::ByPhase => u64::MAX,
        };
        let error = listen(&mut watch, habit, &mut dice, &seen, &tell, stays).await;
        let token = watch.resume_token().to_owned();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = error.filter(|error| !is_transient(error)) {
            seen.faults
                .push(format!("{habit:?}: the watch ended: {error}"));
            return;
        }
        if token.is_empty() && start != WatchStart::Snapshot {
            continue;
        }
        if token.is_empty() {
            // It left in the middle of the snapshot.
            seen.checker = Checker::new(habit.scope());
        } else {
            seen.resumes += 1;
            start = WatchStart::Token(token);
        }
    }
}

/// A watch that has never been answered gives up sooner than a server comes back.
fn is_transient(error: &Error) -> bool {
    let code = error.api().map(|answer| answer.code);
    code.is_none_or(|code| code == Code::Unavailable)
}

/// Listens to so many events, or to an error.
async fn listen(
    watch: &mut Watch,
    habit: Habit,
    dice: &mut Dice,
    seen: &Mutex<Seen>,
    tell: &watch::Sender<()>,
    events: u64,
) -> Option<Error> {
    let mut resumes = 0;
    for _ in 0..events {
        match watch.next().await? {
            Ok(event) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.resumes += watch.resumes() - resumes;
                resumes = watch.resumes();
                seen.checker.accept(&event);
                if let (Habit::Steady, WatchEvent::Change(change)) = (habit, event) {
                    seen.told.extend(change.transitions);
                }
            }
            Err(error) => return Some(error),
        }
        tell.send_replace(());
        if habit == Habit::Stalls && dice.one_in(40) {
            sleep(dice.millis(1, 300)).await;
        }
    }
    None
}
