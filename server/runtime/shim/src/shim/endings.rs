//! From a dead init to a reported exit: drain, tell, record.

use std::time::{Duration, Instant};

use lifepod_shim::{ExitRecord, protocol::Event};

use super::{
    RETRY, Shim,
    container::{Container, Ending, Phase, Unrecorded},
};
use crate::{io::Pumped, note::note};

/// How long output may still come after init's death, when somebody else holds the other end. Normally
/// the kernel has closed all of them before the death is seen.
const DRAIN: Duration = Duration::from_secs(2);
/// When the record of an exit is written that the server was told.
const AFTER_TELLING: Duration = Duration::from_secs(1);
/// How often a record is tried that cannot be written.
const MAX_ATTEMPTS: u32 = 20;

impl Shim {
    pub(super) fn init_ended(&mut self, key: u32, ending: Ending) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let Phase::Running(started) = container.phase else {
            return;
        };
        let record = ExitRecord {
            container_id: container.id.clone(),
            pid: started.pid,
            exit_code: ending.exit_code,
            signal: ending.signal,
            oom_killed: ending.signal == Some(libc::SIGKILL)
                && new_oom_kills(container, &self.layout) > 0,
            started_at: started.started_at,
            finished_at: ending.at,
            log_error: None,
        };
        container.phase = Phase::Draining {
            record,
            until: Instant::now() + DRAIN,
        };
        if let Some(stdin) = container.stdin.take() {
            stdin.close(&mut self.reactor);
        }
        if !container.own_pid_namespace {
            self.kill_processes(key);
        }
        if let Some(container) = self.containers.get_mut(&key) {
            container.outputs.drain(&mut self.reactor);
        }
        self.tend_ending(key, Instant::now());
    }

    /// Goes on with an ending as far as it goes.
    pub(super) fn tend_ending(&mut self, key: u32, now: Instant) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        if let Phase::Draining { record, until } = &container.phase {
            if !container.outputs.is_finished() && now < *until {
                return;
            }
            let mut record = record.clone();
            container.outputs.drain(&mut self.reactor);
            container.outputs.close(&mut self.reactor);
            record.log_error = container.outputs.log_failure();
            container.phase = Phase::Exited(record.clone());
            // Before it is on disk: the server makes it durable in its journal, and one that cannot is
            // not there to be told, or asks again while this process lives. The file is for later: it
            // must not keep the disk from the journal now, nor be made for what is deleted at once.
            let told = self.announce(&Event::ContainerExited(record));
            let retry_at = if told { now + AFTER_TELLING } else { now };
            if let Some(container) = self.containers.get_mut(&key) {
                container.unrecorded = Some(Unrecorded {
                    attempts: 0,
                    retry_at,
                });
            }
        }
        self.tend_record(key, now);
    }

    fn tend_record(&mut self, key: u32, now: Instant) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let (Phase::Exited(record), Some(unrecorded)) =
            (&container.phase, &mut container.unrecorded)
        else {
            return;
        };
        if unrecorded.retry_at > now {
            return;
        }
        if let Err(error) = record.persist(&self.dir) {
            note(format_args!(
                "cannot write the exit record of `{}`: {error}",
                container.id
            ));
            unrecorded.attempts += 1;
            unrecorded.retry_at = now + RETRY;
            if unrecorded.attempts < MAX_ATTEMPTS {
                return;
            }
        }
        container.unrecorded = None;
    }

    /// Whatever the OOM killer did until now was not init's end.
    pub(super) fn look_at_oom_kills(&mut self, key: u32) {
        if let Some(container) = self.containers.get_mut(&key) {
            container.oom_kills_seen += new_oom_kills(container, &self.layout);
        }
    }

    /// Output of a container is there.
    pub(super) fn on_output(&mut self, key: u32, number: usize) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        if container.outputs.pump(&mut self.reactor, number) == Pumped::Stuck {
            container.retry_log_at.get_or_insert(Instant::now() + RETRY);
        }
    }

    /// Tries a log again that could not be written.
    pub(super) fn tend_output(&mut self, key: u32, now: Instant) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        if container.retry_log_at.is_none_or(|at| at > now) {
            return;
        }
        container.outputs.retry(&mut self.reactor);
        container.retry_log_at = container.outputs.is_stuck().then_some(now + RETRY);
    }
}

fn new_oom_kills(container: &Container, layout: &lifepod_shim::cgroup::Layout) -> u64 {
    container
        .cgroup
        .oom_kills(layout)
        .unwrap_or(0)
        .saturating_sub(container.oom_kills_seen)
}
