//! Waiting for more of a log.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lifepod_engine::{Cursor, WatchEnd};
use lifepod_lifecycle::port::Record;
use rustix::fs::inotify;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    time::{Instant, sleep_until},
};

use super::choose::Instance;
use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

/// How often a log is looked at that the kernel does not watch for us.
const POLL: Duration = Duration::from_millis(200);
/// How often it is looked at anyhow.
const SAFETY_POLL: Duration = Duration::from_secs(5);

/// Waits for a log to grow or its instance to end.
pub(super) struct Follow {
    instance: Instance,
    dir: PathBuf,
    watch: Option<Receiver>,
    cursor: Cursor,
    ended: bool,
}

impl Follow {
    pub(super) fn new(shared: &Shared, instance: Instance, file: &Path) -> Self {
        // From here on every change is seen: first the position, then the state.
        let cursor = shared.engine.watch(shared.engine.revision());
        let dir = file.parent().unwrap_or(file).to_owned();
        Self {
            watch: watch(&dir),
            dir,
            ended: ended_by_now(shared, &instance),
            instance,
            cursor,
        }
    }

    /// Whether nothing more is going to be written: the shim has written everything before
    /// it tells the exit.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Completes when the file may have grown or the instance may have ended.
    pub(super) async fn changed(&mut self, shared: &Shared) -> Result<()> {
        if self.watch.is_none() {
            // The directory comes with the first container that writes.
            self.watch = watch(&self.dir);
            if self.watch.is_some() {
                // Something may have been written before the watch began.
                return Ok(());
            }
        }
        let poll = if self.watch.is_some() {
            SAFETY_POLL
        } else {
            POLL
        };
        let due = Instant::now() + poll;
        while !self.ended {
            tokio::select! {
                biased;
                () = shared.drain.cancelled() => return Err(ApiError::Draining),
                () = notified(self.watch.as_mut()) => return Ok(()),
                next = self.cursor.next() => self.take(shared, next)?,
                () = sleep_until(due) => return Ok(()),
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        shared: &Shared,
        next: std::result::Result<Arc<Record>, WatchEnd>,
    ) -> Result<()> {
        match next {
            Ok(record) => {
                let same = record.pod.meta.uid == self.instance.pod.meta.uid;
                self.ended |= same && (record.deletes() || has_ended(&record.pod, &self.instance));
                Ok(())
            }
            // Left far behind: look at the present state instead.
            Err(WatchEnd::Compacted { .. }) => {
                self.cursor = shared.engine.watch(shared.engine.revision());
                self.ended = ended_by_now(shared, &self.instance);
                Ok(())
            }
            Err(end) => Err(ApiError::of_watch(end, self.cursor.position())),
        }
    }
}

fn ended_by_now(shared: &Shared, instance: &Instance) -> bool {
    let pod = shared.engine.get(&instance.pod.meta.key);
    let same = pod.filter(|pod| pod.meta.uid == instance.pod.meta.uid);
    same.is_none_or(|pod| has_ended(&pod, instance))
}

fn has_ended(pod: &lifepod_lifecycle::Pod, instance: &Instance) -> bool {
    let mut all = pod.state().containers.iter();
    let container = all.find(|container| container.name == instance.container);
    let live = container.and_then(|container| container.live());
    live.is_none_or(|live| live.attempt != instance.attempt || live.ended.is_some())
}

/// Asks the kernel to tell of changes in the directory of a log.
fn watch(dir: &Path) -> Option<Receiver> {
    use inotify::{CreateFlags, WatchFlags};
    let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
    let fd = inotify::init(flags).ok()?;
    let wanted = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
    inotify::add_watch(&fd, dir, wanted).ok()?;
    // Not a pipe, but all it has to do is to be read.
    Receiver::from_owned_fd_unchecked(fd).ok()
}

async fn notified(watch: Option<&mut Receiver>) {
    let Some(watch) = watch else {
        return std::future::pending().await;
    };
    let mut sink = [0_u8; 4096];
    // What changed does not matter: the file is looked at.
    if let Err(error) = watch.read(&mut sink).await {
        tracing::debug!(%error, "a directory cannot be watched any more");
        std::future::pending::<()>().await;
    }
}
