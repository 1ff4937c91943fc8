//! Creating and starting a container with libcontainer, in a forked child.

use std::{
    error::Error,
    fmt::Write as _,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
};

use libcontainer::{
    container::{Container, builder::ContainerBuilder},
    syscall::syscall::SyscallType,
};
use lifepod_shim::{
    cgroup::{Cgroup, Layout},
    fds,
    protocol::{ErrorCode, Failure, TerminalSize},
};

use super::{
    ProgramStdio, Reporter, exec::set_oom_score, executor::Program, hide, run_child, set_size, spec,
};
use crate::{
    limits::{self, Prepared},
    sys::{self, Fork, close_all_except},
};

/// Everything the child needs.
pub(crate) struct CreatePlan<'a> {
    pub(crate) id: &'a str,
    pub(crate) bundle: &'a Path,
    /// Mount of the root file system, if it is not where the bundle says.
    pub(crate) rootfs: Option<OwnedFd>,
    pub(crate) layout: &'a Layout,
    pub(crate) cgroup: &'a Cgroup,
    pub(crate) prepared: Prepared,
    pub(crate) oom_score_adj: i32,
    /// None for a container with a terminal, whose master side is then reported.
    pub(crate) stdio: Option<ProgramStdio>,
    /// Size of that terminal, if the bundle says one.
    pub(crate) terminal_size: Option<TerminalSize>,
}

/// Forks; the answer is the child's process id. Everything else is reported.
pub(crate) fn create(mut plan: CreatePlan<'_>, reporter: Reporter) -> io::Result<i32> {
    match sys::fork(plan.prepared.directory.as_ref().map(AsFd::as_fd))? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => run_child(&reporter, || make_container(&mut plan, &reporter)),
    }
}

fn make_container(plan: &mut CreatePlan<'_>, reporter: &Reporter) -> Result<(), Failure> {
    close_all_except(&kept(plan, reporter));
    limits::enter(plan.layout, plan.cgroup).map_err(|error| failed("enter the cgroup", &error))?;
    set_oom_score(plan.oom_score_adj);
    let bundle = adapted_bundle(plan)?;
    let console = match plan.stdio {
        Some(_) => None,
        None => Some(Console::open().map_err(|error| failed("open a console socket", &error))?),
    };
    let mut container = build(plan, reporter, bundle, console.as_ref())?;
    let reported = |error| failed("report", &error);
    if let Some(console) = console {
        let master = sized_terminal(console, plan.terminal_size)
            .map_err(|error| failed("receive the terminal", &error))?;
        reporter.terminal(master.as_fd()).map_err(reported)?;
    }
    let nobody = || Failure::new(ErrorCode::StartFailed, "the container has no process");
    let pid = container.pid().ok_or_else(nobody)?;
    reporter.created(pid.as_raw()).map_err(reported)?;
    let late = plan.prepared.finish();
    late.map_err(|error| failed("set the last limits", &error))?;
    container
        .start()
        .map_err(|error| failed("start the container", &error))
}

fn build(
    plan: &mut CreatePlan<'_>,
    reporter: &Reporter,
    bundle: PathBuf,
    console: Option<&Console>,
) -> Result<Container, Failure> {
    let not_created = |error| failed("create the container", &error);
    let mut builder = ContainerBuilder::new(plan.id.to_owned(), SyscallType::default())
        .with_executor(Program::new(reporter))
        .with_console_socket(console.map(|console| &console.path))
        .with_root_path(Path::new(hide::SCRATCH).join("state"))
        .map_err(not_created)?;
    if let Some(stdio) = plan.stdio.take() {
        builder = builder
            .with_stdin(stdio.stdin)
            .with_stdout(stdio.stdout)
            .with_stderr(stdio.stderr);
    }
    builder
        .as_init(bundle)
        .with_systemd(false)
        .build()
        .map_err(not_created)
}

/// With its size, before the program can ask for it.
fn sized_terminal(console: Console, size: Option<TerminalSize>) -> io::Result<OwnedFd> {
    let master = console.receive()?;
    if let Some(size) = size {
        set_size(&master, size)?;
    }
    Ok(master)
}

fn kept<'a>(plan: &'a CreatePlan<'_>, reporter: &'a Reporter) -> Vec<BorrowedFd<'a>> {
    let mut kept = vec![reporter.as_fd()];
    kept.extend(plan.rootfs.as_ref().map(AsFd::as_fd));
    kept.extend(plan.prepared.late_files().map(AsFd::as_fd));
    if let Some(stdio) = &plan.stdio {
        kept.extend([
            stdio.stdin.as_fd(),
            stdio.stdout.as_fd(),
            stdio.stderr.as_fd(),
        ]);
    }
    kept
}

/// From here on this process sees no cgroups.
fn adapted_bundle(plan: &CreatePlan<'_>) -> Result<PathBuf, Failure> {
    let spec = spec::load(plan.bundle)?;
    let views_of = spec::mounts_cgroup(&spec).then_some(plan.cgroup);
    let views = hide::hide_cgroups(plan.layout, views_of)
        .map_err(|error| failed("hide the cgroups", &error))?;
    let rootfs = plan.rootfs.as_ref().map(hide::attach_rootfs).transpose();
    let rootfs = rootfs.map_err(|error| failed("attach the root file system", &error))?;
    let target = Path::new(hide::SCRATCH).join("bundle");
    spec::adapt(spec, plan.bundle, rootfs, &views, &target)?;
    Ok(target)
}

/// Where libcontainer delivers the terminal.
struct Console {
    path: PathBuf,
    listener: UnixListener,
}

impl Console {
    fn open() -> io::Result<Self> {
        let path = Path::new(hide::SCRATCH).join("console.sock");
        Ok(Self {
            listener: UnixListener::bind(&path)?,
            path,
        })
    }

    fn receive(self) -> io::Result<OwnedFd> {
        let (stream, _) = self.listener.accept()?;
        let (mut buffer, mut received) = ([0; 64], Vec::new());
        fds::receive(&stream, &mut buffer, &mut received)?;
        received
            .pop()
            .ok_or_else(|| io::Error::other("no terminal was sent"))
    }
}

/// libcontainer says the useful part in the last of its sources.
fn failed(what: &str, error: &dyn Error) -> Failure {
    let mut text = format!("cannot {what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    Failure::new(ErrorCode::StartFailed, text)
}
