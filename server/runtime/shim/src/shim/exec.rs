//! Execs: other programs in running containers.

use std::{io, os::fd::OwnedFd, time::Instant};

use lifepod_shim::{
    UnixNanos,
    cgroup::Layout,
    protocol::{ErrorCode, Event, Exec, ExecExit, ExecState, Failure, Reply, Started},
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{
    Shim,
    container::{Container, Ending, Phase},
    jobs::Job,
    requests::{check_name, machine_failed, not_running},
};
use crate::{
    control::ReplyTo,
    runtime::{self, ExecPlan, Profile, ProgramStdio, Received, Report, Streams, report_channel},
    sys::{send_to_group, send_to_process},
};

const MAX_EXECS: usize = 256;
/// Ended ones are kept for a client that was away when they ended.
const MAX_ENDED: usize = 64;

/// One exec.
pub(crate) struct ExecProcess {
    pub(crate) id: String,
    pub(crate) container: u32,
    container_id: String,
    phase: ExecPhase,
}

enum ExecPhase {
    /// A child is joining the container.
    Starting(Starting),
    /// Its program was executed.
    Running(Started),
    /// It ended.
    Ended(Started, ExecExit),
}

struct Starting {
    job: Job,
    pid: Option<i32>,
    terminal: Option<OwnedFd>,
    failure: Option<Failure>,
    /// To be sent as soon as its program runs.
    signals: Vec<SentSignal>,
    reply: ReplyTo,
}

/// A signal for an exec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentSignal {
    pub(crate) signal: i32,
    /// To all of its process group.
    pub(crate) group: bool,
}

impl SentSignal {
    fn send(self, pid: i32) -> io::Result<()> {
        if self.group {
            send_to_group(pid, self.signal)
        } else {
            send_to_process(pid, self.signal)
        }
    }
}

impl ExecProcess {
    /// Signals it. One that is starting may have no process yet, or one that leads no group: it gets
    /// its signals when its program runs.
    pub(crate) fn signal(&mut self, signal: SentSignal) -> Result<(), Failure> {
        match &mut self.phase {
            ExecPhase::Starting(starting) => {
                if !starting.signals.contains(&signal) {
                    starting.signals.push(signal);
                }
                Ok(())
            }
            ExecPhase::Running(started) => signal.send(started.pid).map_err(machine_failed),
            ExecPhase::Ended(..) => Err(Failure::new(
                ErrorCode::NotRunning,
                format!("exec `{}` is not running", self.id),
            )),
        }
    }

    /// Its process id, while it is not reaped.
    pub(crate) fn live_pid(&self) -> Option<i32> {
        match &self.phase {
            ExecPhase::Starting(starting) => starting.pid,
            ExecPhase::Running(started) => Some(started.pid),
            ExecPhase::Ended(..) => None,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.phase, ExecPhase::Ended(..))
    }

    pub(crate) fn state(&self) -> ExecState {
        let (started, exit) = match &self.phase {
            ExecPhase::Starting(_) => (None, None),
            ExecPhase::Running(started) => (Some(*started), None),
            ExecPhase::Ended(started, exit) => (Some(*started), Some(exit.clone())),
        };
        ExecState {
            id: self.id.clone(),
            container: self.container_id.clone(),
            started,
            exit,
        }
    }
}

impl Shim {
    /// Starts an exec. The answer comes when its program runs.
    pub(super) fn exec(
        &mut self,
        to: ReplyTo,
        call: Exec,
        fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        check_name(&call.id)?;
        let (container, init) = self.running_container(&call.container)?;
        self.make_room(&call.id)?;
        let (report, reporter) = report_channel().map_err(machine_failed)?;
        let Some(target) = self.containers.get(&container) else {
            return Err(not_running(&call.container));
        };
        let plan = plan(&self.layout, target, init, &call, fds)?;
        let key = self.next_key;
        let fork = || runtime::exec(plan, reporter);
        let job = Job::start(&mut self.reactor, key, report, fork).map_err(machine_failed)?;
        self.next_key += 1;
        let starting = Starting {
            job,
            pid: None,
            terminal: None,
            failure: None,
            signals: Vec::new(),
            reply: to,
        };
        let exec = ExecProcess {
            id: call.id,
            container,
            container_id: call.container,
            phase: ExecPhase::Starting(starting),
        };
        self.execs.insert(key, exec);
        Ok(())
    }

    fn make_room(&mut self, id: &str) -> Result<(), Failure> {
        self.execs
            .retain(|_, exec| !(exec.id == id && exec.is_ended()));
        if self.execs.values().any(|exec| exec.id == id) {
            return Err(Failure::new(
                ErrorCode::AlreadyExists,
                format!("exec `{id}` exists"),
            ));
        }
        let ended: Vec<u32> = self
            .execs
            .iter()
            .filter(|(_, exec)| exec.is_ended())
            .map(|(key, _)| *key)
            .collect();
        for oldest in ended.iter().take(ended.len().saturating_sub(MAX_ENDED - 1)) {
            self.execs.remove(oldest);
        }
        if self.execs.len() >= MAX_EXECS {
            return Err(Failure::new(ErrorCode::InvalidRequest, "too many execs"));
        }
        Ok(())
    }

    /// The child that starts an exec has something to tell.
    pub(super) fn on_exec_report(&mut self, key: u32) {
        while let Some(ExecPhase::Starting(starting)) =
            self.execs.get_mut(&key).map(|exec| &mut exec.phase)
        {
            match starting.job.receive() {
                Received::Report(Report::Created { pid }, _) => starting.pid = Some(pid),
                Received::Report(Report::Terminal, master) => starting.terminal = master,
                Received::Report(Report::Failed(why), _) => {
                    starting.failure.get_or_insert(why);
                }
                Received::Nothing => return,
                Received::End => self.on_exec_started(key),
            }
        }
    }

    /// Everybody who held the report socket has executed the program or ended.
    fn on_exec_started(&mut self, key: u32) {
        let Some(mut exec) = self.execs.remove(&key) else {
            return;
        };
        let ExecPhase::Starting(starting) = exec.phase else {
            return;
        };
        starting.job.close(&mut self.reactor);
        let (Some(pid), None) = (starting.pid, &starting.failure) else {
            let failure = starting.failure.unwrap_or_else(setup_died);
            return self.answer(starting.reply, Err(failure), None);
        };
        let started = Started {
            pid,
            started_at: UnixNanos::now(),
        };
        let container = self.containers.get(&exec.container);
        if !matches!(
            container.map(|container| &container.phase),
            Some(Phase::Running(_))
        ) {
            // The container ended while this was joining it.
            let _ = send_to_process(pid, libc::SIGKILL);
        }
        for signal in starting.signals {
            // It may have ended by itself.
            let _ = signal.send(pid);
        }
        exec.phase = ExecPhase::Running(started);
        self.execs.insert(key, exec);
        self.answer(
            starting.reply,
            Ok(Reply::Started(started)),
            starting.terminal,
        );
    }

    pub(super) fn exec_ended(&mut self, key: u32, ending: Ending) {
        let Some(exec) = self.execs.get_mut(&key) else {
            return;
        };
        let ExecPhase::Running(started) = exec.phase else {
            return;
        };
        let exit = ExecExit {
            id: exec.id.clone(),
            container: exec.container_id.clone(),
            exit_code: ending.exit_code,
            signal: ending.signal,
            finished_at: ending.at,
        };
        exec.phase = ExecPhase::Ended(started, exit.clone());
        let container = exec.container;
        if ending.signal == Some(libc::SIGKILL) {
            self.look_at_oom_kills(container);
        }
        self.announce(&Event::ExecExited(exit));
        self.tend_deletion(container, Instant::now());
    }
}

fn plan<'a>(
    layout: &'a Layout,
    container: &'a Container,
    init_pid: i32,
    call: &Exec,
    fds: Vec<OwnedFd>,
) -> Result<ExecPlan<'a>, Failure> {
    // Init is not reaped yet, so the number still means it.
    let init = Pid::from_raw(init_pid).ok_or_else(|| not_running(&call.container))?;
    let init = pidfd_open(init, PidfdFlags::empty());
    Ok(ExecPlan {
        layout,
        cgroup: &container.cgroup,
        init: init.map_err(|error| machine_failed(error.into()))?,
        init_pid,
        profile: changed_profile(&container.profile, call)?,
        args: call.args.clone(),
        streams: streams(call, fds)?,
    })
}

/// For a setup that ended without saying why.
fn setup_died() -> Failure {
    Failure::new(ErrorCode::StartFailed, "the exec's setup was killed")
}

fn streams(call: &Exec, fds: Vec<OwnedFd>) -> Result<Streams, Failure> {
    if let Some(size) = call.terminal {
        return Ok(Streams::Terminal(size));
    }
    let Ok([stdin, stdout, stderr]) = <[OwnedFd; 3]>::try_from(fds) else {
        return Err(Failure::new(
            ErrorCode::InvalidRequest,
            "an exec without terminal needs three descriptors",
        ));
    };
    Ok(Streams::Given(ProgramStdio {
        stdin,
        stdout,
        stderr,
    }))
}

fn changed_profile(profile: &Profile, call: &Exec) -> Result<Profile, Failure> {
    let mut profile = profile.clone();
    if let Some(env) = &call.env {
        profile.env.clone_from(env);
    }
    if let Some(user) = &call.user {
        profile.user = user.clone();
    }
    if let Some(cwd) = &call.cwd {
        if !cwd.is_absolute() {
            let text = format!("directory `{}` is not absolute", cwd.display());
            return Err(Failure::new(ErrorCode::InvalidRequest, text));
        }
        profile.cwd.clone_from(cwd);
    }
    Ok(profile)
}
