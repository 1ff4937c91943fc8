//! Deleting containers: kill, wait, remove, answer. Never blocks; looks again when something died, and
//! after growing pauses.

use std::time::{Duration, Instant};

use lifepod_shim::{
    ExitRecord,
    protocol::{ErrorCode, Failure, Reply},
};

use super::{
    Shim,
    container::{Deletion, Phase},
    requests::machine_failed,
};
use crate::{control::ReplyTo, note::note, sys::send_to_process};

/// Longer than this nothing lives after SIGKILL, unless it hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl Shim {
    pub(super) fn delete(&mut self, to: ReplyTo, id: &str) -> Option<Result<Reply, Failure>> {
        if let Err(failure) = super::requests::check_name(id) {
            return Some(Err(failure));
        }
        match self.container_key(id) {
            Some(key) => {
                self.schedule_deletion(key, Some(to));
                None
            }
            None => Some(
                ExitRecord::forget(&self.dir, id)
                    .map(|()| Reply::Done)
                    .map_err(machine_failed),
            ),
        }
    }

    pub(super) fn schedule_deletion(&mut self, key: u32, reply: Option<ReplyTo>) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let now = Instant::now();
        let deletion = container.deletion.get_or_insert_with(|| Deletion {
            replies: Vec::new(),
            next_at: now,
            until: now + PATIENCE,
            tries: 0,
        });
        deletion.replies.extend(reply);
        deletion.next_at = now;
        self.look_at_oom_kills(key);
        self.tend_deletion(key, now);
    }

    /// Goes on with a deletion as far as it goes.
    pub(super) fn tend_deletion(&mut self, key: u32, now: Instant) {
        let Some(container) = self.containers.get(&key) else {
            return;
        };
        if container
            .deletion
            .as_ref()
            .is_none_or(|deletion| deletion.next_at > now)
        {
            return;
        }
        self.kill_processes(key);
        match self.is_deletable(key) {
            Ok(true) => self.finish_deletion(key),
            Ok(false) => self.postpone_deletion(key, now, "processes of it do not die"),
            Err(error) => self.postpone_deletion(key, now, &error.to_string()),
        }
    }

    /// Kills whatever lives in a container, also while it is being made.
    pub(super) fn kill_processes(&mut self, key: u32) {
        let Some(container) = self.containers.get(&key) else {
            return;
        };
        if let Phase::Creating { job, .. } = &container.phase
            && let Some(pid) = job.pid
        {
            // If it is ending by itself, so much the better.
            let _ = send_to_process(pid, libc::SIGKILL);
        }
        if let Err(error) = container.cgroup.signal_all(&self.layout, libc::SIGKILL) {
            note(format_args!(
                "cannot kill the processes of `{}`: {error}",
                container.id
            ));
        }
    }

    fn is_deletable(&self, key: u32) -> std::io::Result<bool> {
        let Some(container) = self.containers.get(&key) else {
            return Ok(true);
        };
        let ended = matches!(container.phase, Phase::Exited(_) | Phase::Failed { .. });
        let has_exec = self
            .execs
            .values()
            .any(|exec| exec.container == key && !exec.is_ended());
        Ok(ended && !has_exec && container.cgroup.remove(&self.layout)?)
    }

    fn postpone_deletion(&mut self, key: u32, now: Instant, why: &str) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let Some(deletion) = &mut container.deletion else {
            return;
        };
        if now < deletion.until {
            deletion.next_at =
                now + Duration::from_millis(1 << deletion.tries.min(7)).min(LONGEST_PAUSE);
            deletion.tries += 1;
            return;
        }
        let text = format!("cannot delete container `{}`: {why}", container.id);
        note(&text);
        let replies = std::mem::take(&mut deletion.replies);
        container.deletion = None;
        for to in replies {
            self.answer(to, Err(Failure::new(ErrorCode::Io, text.clone())), None);
        }
    }

    fn finish_deletion(&mut self, key: u32) {
        let Some(mut container) = self.containers.remove(&key) else {
            return;
        };
        self.execs.retain(|_, exec| exec.container != key);
        container.outputs.close(&mut self.reactor);
        for attached in container.outputs.attached.drain(..) {
            attached.close(&mut self.reactor);
        }
        if let Some(stdin) = container.stdin.take() {
            stdin.close(&mut self.reactor);
        }
        if let Err(error) = ExitRecord::forget(&self.dir, &container.id) {
            note(format_args!(
                "cannot remove the exit record of `{}`: {error}",
                container.id
            ));
        }
        if let Phase::Failed {
            reply: Some((to, failure)),
        } = container.phase
        {
            self.answer(to, Err(failure), None);
        }
        for to in container
            .deletion
            .into_iter()
            .flat_map(|deletion| deletion.replies)
        {
            self.answer(to, Ok(Reply::Done), None);
        }
    }
}
