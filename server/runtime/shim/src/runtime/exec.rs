//! Running another program in a running container.
//!
//! libcontainer could do it, but reads the bundle again, starts two helper processes and moves one of
//! them with a cgroup write that waits 10 ms. This is the same in about one millisecond:
//!
//! ```text
//! shim ─ fork ─► helper: enter cgroup, setns(init) ─ fork ─► program: session, stdio, user, exec
//!                        tells the pid, ends          └─ from then on a child of the shim (subreaper)
//! ```

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use lifepod_shim::{
    cgroup::{Cgroup, Layout},
    protocol::{ErrorCode, Failure, TerminalSize},
};
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, chdir, set_dumpable_behavior, setsid, umask},
    thread::{move_into_thread_name_spaces, set_no_new_privs},
};

use super::{Profile, ProgramStdio, Reporter, lookup, privileges, run_child, terminal};
use crate::{
    limits,
    sys::{self, Fork, close_all_except, execute, exit_now, reset_for_exec},
};

/// Everything the child needs.
pub(crate) struct ExecPlan<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) cgroup: &'a Cgroup,
    /// The container's init, twice.
    pub(crate) init: OwnedFd,
    pub(crate) init_pid: i32,
    /// How to run: the container's profile with the request's changes.
    pub(crate) profile: Profile,
    pub(crate) args: Vec<String>,
    pub(crate) streams: Streams,
}

/// Where the program's input and output go.
pub(crate) enum Streams {
    /// These.
    Given(ProgramStdio),
    /// A new terminal of this size, whose master side is reported.
    Terminal(TerminalSize),
}

/// Forks; the answer is the helper's process id. Everything else is reported.
pub(crate) fn exec(plan: ExecPlan<'_>, reporter: Reporter) -> io::Result<i32> {
    let side = match plan.layout {
        Layout::V1(_) => sys::fork(None)?,
        Layout::V2(_) => fork_into_cgroup(&plan)?,
    };
    match side {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => run_child(&reporter, || join(&plan, &reporter)),
    }
}

/// A container that shares its cgroup out among children of its own has moved its processes to one of
/// them, and nobody may enter the cgroup itself any more. Then the exec goes where init is.
fn fork_into_cgroup(plan: &ExecPlan<'_>) -> io::Result<Fork> {
    let into = |cgroup: &Cgroup| {
        let directory = limits::open_directory(plan.layout, cgroup)?;
        sys::fork(Some(directory.as_fd()))
    };
    match into(plan.cgroup) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            into(&cgroup_of(plan.init_pid, plan.cgroup)?)
        }
        result => result,
    }
}

fn cgroup_of(pid: i32, above: &Cgroup) -> io::Result<Cgroup> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    let own = Cgroup::new(path.unwrap_or_default())?;
    if above.contains(&own) {
        return Ok(own);
    }
    Err(io::Error::other("the container's init has left its cgroup"))
}

fn join(plan: &ExecPlan<'_>, reporter: &Reporter) -> Result<(), Failure> {
    let mut keep = kept(plan, reporter);
    keep.push(plan.init.as_fd());
    close_all_except(&keep);
    limits::enter(plan.layout, plan.cgroup).map_err(|error| failed("enter the cgroup", &error))?;
    // Processes of the container must not be able to trace us while we are half way in.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed("become untraceable", &error))?;
    set_oom_score(plan.profile.oom_score_adj);
    move_into_thread_name_spaces(plan.init.as_fd(), plan.profile.namespaces)
        .map_err(|error| failed("join the namespaces", &error))?;
    // Only children are in the pid namespace just joined.
    match sys::fork(None).map_err(|error| failed("fork", &error))? {
        Fork::Parent(pid) => {
            reporter
                .created(pid)
                .map_err(|error| failed("report", &error))?;
            exit_now(0)
        }
        Fork::Child => run_program(plan, reporter),
    }
}

fn kept<'a>(plan: &'a ExecPlan<'_>, reporter: &'a Reporter) -> Vec<BorrowedFd<'a>> {
    let mut kept = vec![reporter.as_fd()];
    if let Streams::Given(stdio) = &plan.streams {
        kept.extend([
            stdio.stdin.as_fd(),
            stdio.stdout.as_fd(),
            stdio.stderr.as_fd(),
        ]);
    }
    kept
}

/// Lowering it needs a capability that not every root has.
pub(super) fn set_oom_score(value: i32) {
    let _ = fs::write("/proc/self/oom_score_adj", value.to_string());
}

fn run_program(plan: &ExecPlan<'_>, reporter: &Reporter) -> Result<(), Failure> {
    let profile = &plan.profile;
    close_all_except(&kept(plan, reporter));
    setsid().map_err(|error| failed("start a session", &error))?;
    install_streams(plan, reporter).map_err(|error| failed("set up the streams", &error))?;
    privileges::apply_limits(&profile.limits)
        .map_err(|error| failed("set resource limits", &error))?;
    if let Some(mask) = profile.umask {
        umask(Mode::from_raw_mode(mask));
    }
    let mut env = profile.env.clone();
    ensure_home(&mut env, profile.user.uid);
    // As root first, the user may lack access to a directory that the runtime chose; and as the user
    // after that, root may lack access to one on a foreign file system.
    let early = chdir(&profile.cwd);
    privileges::become_user(&profile.user, &profile.capabilities)
        .map_err(|error| failed("change the user", &error))?;
    if early.is_err() {
        let text = |error| {
            failed(
                &format!("change to directory `{}`", profile.cwd.display()),
                &error,
            )
        };
        chdir(&profile.cwd).map_err(text)?;
    }
    if profile.no_new_privileges {
        set_no_new_privs(true).map_err(|error| failed("set no_new_privs", &error))?;
    }
    Err(replace_process(&plan.args, &env))
}

/// Answers only if it failed.
pub(super) fn replace_process(args: &[String], env: &[String]) -> Failure {
    try_replace(args, env)
        .err()
        .unwrap_or_else(|| Failure::new(ErrorCode::Io, "exec returned"))
}

fn try_replace(args: &[String], env: &[String]) -> Result<(), Failure> {
    let Some(name) = args.first() else {
        return Err(Failure::new(
            ErrorCode::InvalidRequest,
            "no program is given",
        ));
    };
    let program = lookup::find_program(name, env)?;
    let strings = |list: &[String]| {
        list.iter()
            .map(|text| lookup::c_string(text))
            .collect::<Result<Vec<CString>, _>>()
    };
    let (arguments, environment) = (strings(args)?, strings(env)?);
    reset_for_exec();
    Err(lookup::explain_exec(
        name,
        &execute(&program, &arguments, &environment),
    ))
}

fn install_streams(plan: &ExecPlan<'_>, reporter: &Reporter) -> io::Result<()> {
    let user = &plan.profile.user;
    let stdio = match &plan.streams {
        Streams::Given(stdio) => {
            stdio.own(user.uid, user.gid);
            return stdio.install();
        }
        Streams::Terminal(size) => {
            let (master, slave) = terminal::open(*size)?;
            reporter.terminal(master.as_fd())?;
            terminal::control(&slave)?;
            // The terminal belongs to whoever works on it.
            let (uid, gid) = (
                rustix::fs::Uid::from_raw(user.uid),
                rustix::fs::Gid::from_raw(user.gid),
            );
            let _ = rustix::fs::fchown(&slave, Some(uid), Some(gid));
            ProgramStdio::terminal(&slave)?
        }
    };
    stdio.install()
}

fn ensure_home(env: &mut Vec<String>, uid: u32) {
    if !env
        .iter()
        .any(|entry| entry.starts_with("HOME=") && entry.len() > "HOME=".len())
    {
        let passwd = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
        env.push(format!("HOME={}", lookup::home_directory(&passwd, uid)));
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(ErrorCode::StartFailed, format!("cannot {what}: {error}"))
}
