//! The end of the sandbox.

use std::time::{Duration, Instant};

use lifepod_shim::protocol::{ErrorCode, Failure, Reply};

use super::Shim;
use crate::{
    control::{Connection, ReplyTo},
    note::note,
};

/// Longer than deleting a container may take.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(5);

/// A shutdown under way.
pub(crate) struct Shutdown {
    replies: Vec<ReplyTo>,
    pub(crate) next_at: Instant,
    until: Instant,
    /// Nothing is left but to let the answers out.
    done: bool,
}

impl Shim {
    pub(super) fn begin_shutdown(&mut self, to: ReplyTo) -> Option<Result<Reply, Failure>> {
        let now = Instant::now();
        let shutdown = self.shutdown.get_or_insert_with(|| Shutdown {
            replies: Vec::new(),
            next_at: now,
            until: now + PATIENCE,
            done: false,
        });
        shutdown.replies.push(to);
        let keys: Vec<u32> = self.containers.keys().copied().collect();
        for key in keys {
            self.schedule_deletion(key, None);
        }
        None
    }

    /// Goes on with a shutdown as far as it goes.
    pub(super) fn tend_shutdown(&mut self, now: Instant) {
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        shutdown.next_at = now + PAUSE;
        if shutdown.done {
            return;
        }
        let until = shutdown.until;
        let removed = self.containers.is_empty() && self.remove_pod_cgroup();
        if removed {
            self.remove_unused_ancestors();
            self.answer_shutdown(&Ok(Reply::Done));
        } else if now >= until {
            self.answer_shutdown(&Err(Failure::new(
                ErrorCode::Io,
                "processes of the pod do not die",
            )));
            self.shutdown = None;
            note("gave up a shutdown");
        }
    }

    /// Everything is gone and told.
    pub(super) fn is_finished(&self) -> bool {
        let Some(shutdown) = &self.shutdown else {
            return false;
        };
        let told = self.connections.values().all(Connection::is_flushed);
        shutdown.done && (told || Instant::now() >= shutdown.until)
    }

    /// `/lifepod` goes with the last pod in it.
    fn remove_unused_ancestors(&self) {
        let mut ancestor = self.pod_cgroup.parent();
        while let Some(cgroup) = ancestor {
            cgroup.remove_if_unused(&self.layout);
            ancestor = cgroup.parent();
        }
    }

    /// With whatever a privileged container may have moved to it.
    fn remove_pod_cgroup(&self) -> bool {
        let killed = self.pod_cgroup.signal_all(&self.layout, libc::SIGKILL);
        killed.is_ok() && self.pod_cgroup.remove(&self.layout).unwrap_or(false)
    }

    fn answer_shutdown(&mut self, result: &Result<Reply, Failure>) {
        let replies = self.shutdown.as_mut().map(|shutdown| {
            shutdown.done = result.is_ok();
            std::mem::take(&mut shutdown.replies)
        });
        for to in replies.unwrap_or_default() {
            self.answer(to, result.clone(), None);
        }
    }
}
