//! Creating containers.

use std::{io, os::fd::OwnedFd};

use lifepod_shim::{
    UnixNanos,
    cgroup::{Cgroup, Layout},
    protocol::{CreateContainer, ErrorCode, Failure, Reply, Started},
};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{
    MAX_CONTAINERS, Shim,
    container::{Container, Phase},
    jobs::Job,
    requests::{check_name, machine_failed},
};
use crate::{
    control::ReplyTo,
    io::{LogFile, Outputs, Stdin, Stream},
    limits::{self, LimitError, Prepared},
    note::note,
    runtime::{self, Bundle, CreatePlan, ProgramStdio, Received, Report, null, report_channel},
};

/// The shim's ends of a container's pipes.
#[derive(Default)]
struct OurEnds {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

impl Shim {
    /// Starts making a container. The answer comes when its program runs.
    pub(super) fn create(
        &mut self,
        to: ReplyTo,
        call: &CreateContainer,
        mut fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        self.may_create(call)?;
        let bundle = Bundle::load(&call.bundle)?;
        let cgroup = self.container_cgroup(&bundle)?;
        let prepared = limits::prepare(&self.layout, &cgroup, bundle.resources.as_ref())
            .map_err(limit_failed)?;
        let result = self.start_creating(to, call, bundle, &cgroup, prepared, fds.pop());
        if result.is_err() {
            self.remove_cgroup(&cgroup);
        }
        result
    }

    fn may_create(&self, call: &CreateContainer) -> Result<(), Failure> {
        check_name(&call.id)?;
        if self.shutdown.is_some() {
            return Err(Failure::new(
                ErrorCode::ShuttingDown,
                "the sandbox is being shut down",
            ));
        }
        if self.container_key(&call.id).is_some() {
            return Err(Failure::new(
                ErrorCode::AlreadyExists,
                format!("container `{}` exists", call.id),
            ));
        }
        if self.containers.len() == MAX_CONTAINERS {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                "too many containers",
            ));
        }
        Ok(())
    }

    fn container_cgroup(&self, bundle: &Bundle) -> Result<Cgroup, Failure> {
        let invalid = |text: String| Failure::new(ErrorCode::InvalidRequest, text);
        let cgroup =
            Cgroup::new(&bundle.cgroup_path).map_err(|error| invalid(error.to_string()))?;
        if cgroup == self.pod_cgroup || !self.pod_cgroup.contains(&cgroup) {
            let (own, pod) = (&bundle.cgroup_path, &self.config.cgroup_parent);
            return Err(invalid(format!(
                "cgroup `{own}` is not below the pod's, `{pod}`"
            )));
        }
        Ok(cgroup)
    }

    fn start_creating(
        &mut self,
        to: ReplyTo,
        call: &CreateContainer,
        bundle: Bundle,
        cgroup: &Cgroup,
        prepared: Prepared,
        rootfs: Option<OwnedFd>,
    ) -> Result<(), Failure> {
        let log = call
            .log
            .clone()
            .map(LogFile::open)
            .transpose()
            .map_err(machine_failed)?;
        let (stdio, ours) = streams(call, &bundle).map_err(machine_failed)?;
        let (report, reporter) = report_channel().map_err(machine_failed)?;
        let plan = CreatePlan {
            id: &call.id,
            bundle: &call.bundle,
            rootfs,
            layout: &self.layout,
            cgroup,
            prepared,
            oom_score_adj: bundle.profile.oom_score_adj,
            stdio,
            terminal_size: bundle.terminal.flatten(),
        };
        let key = self.next_key;
        let fork = || runtime::create(plan, reporter);
        let job = Job::start(&mut self.reactor, key, report, fork).map_err(machine_failed)?;
        self.next_key += 1;
        let phase = Phase::Creating {
            job,
            init: None,
            failure: None,
            reply: to,
        };
        let container = new_container(call, bundle, cgroup, phase, log);
        self.containers.insert(key, container);
        if let Err(error) = self.connect_pipes(key, ours, call.stdin_once) {
            // The child is at work already: it is let finish, and then everything is taken back.
            self.on_create_step(key, Report::Failed(machine_failed(error)), None);
        }
        Ok(())
    }

    fn connect_pipes(&mut self, key: u32, ours: OurEnds, once: bool) -> io::Result<()> {
        let Some(container) = self.containers.get_mut(&key) else {
            return Ok(());
        };
        for (fd, stream) in [(ours.stdout, Stream::Stdout), (ours.stderr, Stream::Stderr)] {
            if let Some(fd) = fd {
                container.outputs.add(&mut self.reactor, key, stream, fd)?;
            }
        }
        if let Some(fd) = ours.stdin {
            container.stdin = Some(Stdin::new(&mut self.reactor, key, fd, false, once)?);
        }
        Ok(())
    }

    /// The child that makes a container has something to tell.
    pub(super) fn on_create_report(&mut self, key: u32) {
        while let Some(Phase::Creating { job, .. }) =
            self.containers.get(&key).map(|container| &container.phase)
        {
            match job.receive() {
                Received::Report(report, fd) => self.on_create_step(key, report, fd),
                Received::Nothing => return,
                Received::End => self.on_created(key),
            }
        }
    }

    fn on_create_step(&mut self, key: u32, report: Report, fd: Option<OwnedFd>) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let Phase::Creating { init, failure, .. } = &mut container.phase else {
            return;
        };
        match (report, fd) {
            (Report::Created { pid }, _) => *init = Some(pid),
            (Report::Failed(why), _) => {
                failure.get_or_insert(why);
            }
            (Report::Terminal, Some(master)) => {
                if let Err(error) = self.connect_terminal(key, master) {
                    note(format_args!("lost a terminal: {error}"));
                }
            }
            (Report::Terminal, None) => {}
        }
    }

    fn connect_terminal(&mut self, key: u32, master: OwnedFd) -> io::Result<()> {
        let Some(container) = self.containers.get_mut(&key) else {
            return Ok(());
        };
        let (output, input) = (super::duplicate(&master)?, super::duplicate(&master)?);
        container
            .outputs
            .add(&mut self.reactor, key, Stream::Stdout, output)?;
        if container.wants_stdin {
            let once = container.stdin_once;
            container.stdin = Some(Stdin::new(&mut self.reactor, key, input, true, once)?);
        }
        container.terminal = Some(master);
        Ok(())
    }

    /// Everybody who held the report socket has executed the program or ended.
    fn on_created(&mut self, key: u32) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let failed = Phase::Failed { reply: None };
        let Phase::Creating {
            job,
            init,
            failure,
            reply,
        } = std::mem::replace(&mut container.phase, failed)
        else {
            return;
        };
        job.close(&mut self.reactor);
        if let (Some(pid), None) = (init, &failure) {
            let started = Started {
                pid,
                started_at: UnixNanos::now(),
            };
            container.phase = Phase::Running(started);
            return self.answer(reply, Ok(Reply::Started(started)), None);
        }
        let failure = failure.unwrap_or_else(|| setup_died(&container.cgroup, &self.layout));
        self.creation_failed(key, reply, failure);
    }

    fn creation_failed(&mut self, key: u32, reply: ReplyTo, failure: Failure) {
        note(format_args!("could not create a container: {failure}"));
        if let Some(container) = self.containers.get_mut(&key) {
            container.phase = Phase::Failed {
                reply: Some((reply, failure)),
            };
        }
        self.schedule_deletion(key, None);
    }

    /// For a cgroup in which nothing ever ran.
    fn remove_cgroup(&self, cgroup: &Cgroup) {
        if let Err(error) = cgroup.remove(&self.layout) {
            note(format_args!(
                "cannot remove cgroup `{}`: {error}",
                cgroup.relative().display()
            ));
        }
    }
}

/// For a setup that ended without saying why.
pub(super) fn setup_died(cgroup: &Cgroup, layout: &Layout) -> Failure {
    let starved = cgroup.oom_kills(layout).is_some_and(|kills| kills > 0);
    let why = if starved {
        "needs more than the container's memory limit"
    } else {
        "was killed"
    };
    Failure::new(
        ErrorCode::StartFailed,
        format!("the container's setup {why}"),
    )
}

fn new_container(
    call: &CreateContainer,
    bundle: Bundle,
    cgroup: &Cgroup,
    phase: Phase,
    log: Option<LogFile>,
) -> Container {
    Container {
        id: call.id.clone(),
        cgroup: cgroup.clone(),
        phase,
        own_pid_namespace: bundle.own_pid_namespace,
        profile: bundle.profile,
        outputs: Outputs::new(log),
        stdin: None,
        wants_stdin: call.stdin,
        stdin_once: call.stdin_once,
        terminal: None,
        oom_kills_seen: 0,
        retry_log_at: None,
        unrecorded: None,
        deletion: None,
    }
}

/// The program's ends of its streams, unless it gets a terminal, and ours.
fn streams(call: &CreateContainer, bundle: &Bundle) -> io::Result<(Option<ProgramStdio>, OurEnds)> {
    if bundle.terminal.is_some() {
        return Ok((None, OurEnds::default()));
    }
    let (stdio, ours) = pipes(call.stdin)?;
    stdio.own(bundle.profile.user.uid, bundle.profile.user.gid);
    Ok((Some(stdio), ours))
}

fn pipes(stdin: bool) -> io::Result<(ProgramStdio, OurEnds)> {
    let (our_stdout, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (our_stderr, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stdin, our_stdin) = match stdin {
        true => pipe_with(PipeFlags::CLOEXEC).map(|(theirs, ours)| (theirs, Some(ours)))?,
        false => (null()?, None),
    };
    let ours = OurEnds {
        stdin: our_stdin,
        stdout: Some(our_stdout),
        stderr: Some(our_stderr),
    };
    Ok((
        ProgramStdio {
            stdin,
            stdout,
            stderr,
        },
        ours,
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn limit_failed(error: LimitError) -> Failure {
    let code = match error {
        LimitError::Unsupported(_) => ErrorCode::Unsupported,
        LimitError::Kernel { .. } => ErrorCode::StartFailed,
    };
    Failure::new(code, error.to_string())
}
