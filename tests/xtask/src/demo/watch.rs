//! A second client: watches all pods through the SDK and tells what it sees.

use crate::steps::short;
use anyhow::{Context, Result, bail};
use lifepod_client::{
    Client, WatchEvent, WatchOptions,
    proto::{HookKind, PodChange, Transition, transition_subject::Subject},
};
use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What the watch has shown of the pod so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) phase: String,
    pub(super) ip: String,
    pub(super) exit_code: Option<i32>,
    pub(super) pre_stop: String,
    pub(super) deleted: bool,
    lines: Vec<String>,
    printed: usize,
    failed: Option<String>,
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;

/// A running watch.
pub(super) struct Watcher {
    shared: Shared,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    pub(super) fn start(socket: &Path) -> Result<Self> {
        let shared = Shared::default();
        let endpoint = format!("unix://{}", socket.display());
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            if let Err(error) = watch(&endpoint, &for_thread, stopped) {
                update(&for_thread, |seen| seen.failed = Some(format!("{error:#}")));
            }
        });
        Ok(Self {
            shared,
            stop,
            thread,
        })
    }

    /// Waits until what was seen is as wanted.
    pub(super) fn until(
        &self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&Seen) -> bool,
    ) -> Result<Seen> {
        let end = Instant::now() + patience;
        let (mutex, changed) = &*self.shared;
        let mut seen = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(error) = &seen.failed {
                bail!("the watch ended: {error}");
            }
            if wanted(&seen) {
                return Ok(seen.clone());
            }
            let left = end
                .checked_duration_since(Instant::now())
                .with_context(|| format!("{what}: not in time"))?;
            seen = changed
                .wait_timeout(seen, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Prints the transitions that were not printed yet.
    pub(super) fn print_new(&self) {
        let mut seen = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        println!("\nwatch, time since the pod was created:");
        seen.lines[seen.printed..]
            .iter()
            .for_each(|line| println!("{line}"));
        seen.printed = seen.lines.len();
    }

    pub(super) fn stop(self) -> Result<()> {
        // It may have ended by itself; then its error has been told.
        let _ = self.stop.send(());
        self.thread.join().ok().context("the watch panicked")
    }
}

fn update(shared: &Shared, change: impl FnOnce(&mut Seen)) {
    change(&mut shared.0.lock().unwrap_or_else(PoisonError::into_inner));
    shared.1.notify_all();
}

fn watch(endpoint: &str, shared: &Shared, mut stopped: oneshot::Receiver<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = Client::connect(endpoint).await?;
        let mut watch = client.all_pods().watch(WatchOptions::default());
        let mut created = None;
        loop {
            let event = tokio::select! {
                _ = &mut stopped => return Ok(()),
                event = watch.next() => event.context("the watch ended")??,
            };
            if let WatchEvent::Change(change) = event {
                let created = *created.get_or_insert_with(Instant::now);
                update(shared, |seen| record(seen, &change, created.elapsed()));
            }
        }
    })
}

fn record(seen: &mut Seen, change: &PodChange, since: Duration) {
    if let Some(status) = change.pod.as_ref().and_then(|pod| pod.status.as_ref()) {
        seen.ip.clone_from(&status.pod_ip);
    }
    for transition in &change.transitions {
        match subject(transition) {
            Some(Subject::Phase(_)) => seen.phase.clone_from(&transition.to),
            Some(Subject::Object(_)) => seen.deleted = transition.to == "Deleted",
            Some(Subject::Hook(hook)) if hook.kind() == HookKind::PreStop => {
                seen.pre_stop.clone_from(&transition.to);
            }
            _ => {}
        }
        if let Some(exit) = &transition.exit {
            seen.exit_code = Some(exit.code);
        }
        seen.lines.push(line(transition, since));
    }
}

fn subject(transition: &Transition) -> Option<&Subject> {
    transition.subject.as_ref()?.subject.as_ref()
}

fn line(transition: &Transition, since: Duration) -> String {
    let what = match subject(transition) {
        Some(Subject::Object(_)) => "pod".to_owned(),
        Some(Subject::Phase(_)) => "phase".to_owned(),
        Some(Subject::Condition(condition)) => format!("condition {}", condition.r#type),
        Some(Subject::Sandbox(_)) => "sandbox".to_owned(),
        Some(Subject::Image(image)) => format!("image of {}", image.container),
        Some(Subject::Container(container)) => {
            format!("container {}#{}", container.name, container.attempt)
        }
        Some(Subject::Hook(hook)) => {
            let kind = if hook.kind() == HookKind::PreStop {
                "preStop"
            } else {
                "postStart"
            };
            format!("hook {kind} of {}", hook.container)
        }
        Some(Subject::Probe(probe)) => format!("probe of {}", probe.container),
        Some(Subject::Spec(_)) => "spec".to_owned(),
        None => "?".to_owned(),
    };
    let from = if transition.from.is_empty() {
        String::new()
    } else {
        format!("{} → ", transition.from)
    };
    let reason = if transition.reason.is_empty() {
        String::new()
    } else {
        format!("  {}", transition.reason)
    };
    let exit = transition
        .exit
        .as_ref()
        .map_or_else(String::new, |exit| format!("  exit code {}", exit.code));
    let revision = transition.revision;
    format!(
        "  {:>9}  r{revision:<4} {what}: {from}{}{reason}{exit}",
        short(since),
        transition.to
    )
}
