//! Who died?
//!
//! The shim is the parent or the subreaper of everything in its containers, so every death in the pod
//! ends here; most are orphans that nobody asks for.
//!
//! A container's init becomes the shim's child when the child that made it ends, and that one reports
//! the pid before it ends. So when an unknown pid is reaped its report, if there is one, is there.

use rustix::process::{WaitOptions, wait};

use super::{
    Shim,
    container::{Ending, Phase},
    create::setup_died,
};
use std::time::Instant;

impl Shim {
    /// Collects everybody who ended.
    pub(super) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(ending) = Ending::of(status) {
                self.on_ended(pid.as_raw_nonzero().get(), ending);
            }
        }
        let now = Instant::now();
        for deletion in self
            .containers
            .values_mut()
            .filter_map(|container| container.deletion.as_mut())
        {
            deletion.next_at = now;
        }
    }

    fn on_ended(&mut self, pid: i32, ending: Ending) {
        if self.find_init(pid).is_none() && self.find_exec(pid).is_none() {
            self.read_reports();
        }
        if let Some(key) = self.find_init(pid) {
            // Init was the report socket's last holder: this leads to its end.
            self.on_create_report(key);
            self.init_ended(key, ending);
        } else if let Some(key) = self.find_exec(pid) {
            self.on_exec_report(key);
            self.exec_ended(key, ending);
        } else if let Some(key) = self.find_creator(pid) {
            self.creator_ended(key, ending);
        }
    }

    fn find_init(&self, pid: i32) -> Option<u32> {
        self.containers
            .iter()
            .find(|(_, container)| container.live_init() == Some(pid))
            .map(|(key, _)| *key)
    }

    fn find_exec(&self, pid: i32) -> Option<u32> {
        self.execs
            .iter()
            .find(|(_, exec)| exec.live_pid() == Some(pid))
            .map(|(key, _)| *key)
    }

    fn find_creator(&self, pid: i32) -> Option<u32> {
        let made_by =
            |phase: &Phase| matches!(phase, Phase::Creating { job, .. } if job.pid == Some(pid));
        self.containers
            .iter()
            .find(|(_, container)| made_by(&container.phase))
            .map(|(key, _)| *key)
    }

    fn read_reports(&mut self) {
        let keys: Vec<u32> = self
            .containers
            .keys()
            .chain(self.execs.keys())
            .copied()
            .collect();
        for key in keys {
            self.on_job(key);
        }
    }

    /// A child has something to tell.
    pub(super) fn on_job(&mut self, key: u32) {
        if self.containers.contains_key(&key) {
            self.on_create_report(key);
        } else {
            self.on_exec_report(key);
        }
    }

    /// The child that makes a container was killed: its half-made init would wait for it for ever.
    fn creator_ended(&mut self, key: u32, ending: Ending) {
        self.on_create_report(key);
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let Phase::Creating { job, failure, .. } = &mut container.phase else {
            return;
        };
        job.pid = None;
        if ending.exit_code == 0 {
            return;
        }
        let died = setup_died(&container.cgroup, &self.layout);
        failure.get_or_insert(died);
        self.kill_processes(key);
    }
}
