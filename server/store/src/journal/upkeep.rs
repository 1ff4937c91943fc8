//! The thread that writes checkpoints and drops old segments, so that commits never wait for it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use lifepod_lifecycle::port::StoreError;

use super::{fold::Fold, state};
use crate::log::{Compacted, Log, Retention};

#[derive(Debug, Default)]
struct Progress {
    /// From the hand-over of a state until it is dealt with.
    busy: AtomicBool,
    /// Size of the newest checkpoint.
    size: AtomicU64,
}

/// Owns the thread.
#[derive(Debug)]
pub(super) struct Upkeep {
    work: Option<SyncSender<Fold>>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(super) fn start(log: Log, retention: Retention) -> io::Result<Self> {
        let (work, states) = sync_channel(1);
        let progress = Arc::<Progress>::default();
        let shared = Arc::clone(&progress);
        let thread = thread::Builder::new()
            .name("store-upkeep".into())
            .spawn(move || run(&log, &retention, &states, &shared))?;
        Ok(Self {
            work: Some(work),
            progress,
            thread: Some(thread),
        })
    }

    /// Whether the state handed over last was dealt with.
    pub(super) fn is_idle(&self) -> bool {
        !self.progress.busy.load(Ordering::Acquire)
    }

    /// Size of the newest checkpoint written, zero if there was none.
    pub(super) fn checkpoint_size(&self) -> u64 {
        self.progress.size.load(Ordering::Relaxed)
    }

    /// Hands a state over to be checkpointed.
    pub(super) fn submit(&self, state: Fold) {
        self.progress.busy.store(true, Ordering::Release);
        if let Some(work) = &self.work {
            // Full or gone cannot be: nothing is submitted while busy, and the thread ends last.
            let _ = work.try_send(state);
        }
    }

    /// Lets the thread finish what it does and waits for it.
    pub(super) fn stop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(log: &Log, retention: &Retention, states: &Receiver<Fold>, progress: &Progress) {
    for state in states {
        match tend(log, retention, &state) {
            Ok((size, _)) => progress.size.store(size, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, revision = %state.revision, "checkpoint or compaction failed");
            }
        }
        drop(state);
        progress.busy.store(false, Ordering::Release);
    }
}

/// Writes a checkpoint, then drops what is kept no longer. Answers the checkpoint's size.
pub(super) fn tend(
    log: &Log,
    retention: &Retention,
    state: &Fold,
) -> Result<(u64, Compacted), StoreError> {
    let size = state::save(log, state)?;
    let oldest_answer = state.oldest_answer().map(|revision| revision.0);
    let from = [retention.from, oldest_answer].into_iter().flatten().min();
    let done = log.compact(&Retention { from, ..*retention }, state.at.0)?;
    if done.segments > 0 {
        tracing::info!(
            segments = done.segments,
            bytes = done.bytes,
            oldest = done.oldest,
            "journal compacted"
        );
    }
    Ok((size, done))
}
