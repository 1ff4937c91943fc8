//! Commands in simulated containers: a few built-in ones, or what the container's script says.
//!
//! Their streams are pipes, as those of real commands. Whoever has the other end may be slow to read
//! and to write, so each command does both on a thread where that holds nobody up.

use std::{
    io::{self, PipeReader, PipeWriter, Write as _},
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

use lifepod_lifecycle::{
    effect::PodRef,
    port::{BoxFuture, ExecControl, ExecRequest, ExecSession, StreamError, TerminalSize},
    transition::ExitStatus,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    process::{exited, killed},
    runtime::Shared,
    script::{self, End, ExecScript},
};

const SIGKILL: i32 = 9;

/// What a command does.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Run(ExecScript),
    /// Copies standard input to standard output.
    Copy,
}

/// Runs a command in a container that runs until `ended`.
pub(crate) fn start(
    shared: &Arc<Shared>,
    pod: &PodRef,
    request: &ExecRequest,
    ended: CancellationToken,
) -> Result<ExecSession, StreamError> {
    let script = script::exec(pod, &request.container, shared.seed);
    let script = script.map_err(|error| cannot(error.to_string()))?;
    let plan = match script {
        Some(script) => Plan::Run(script),
        None => built_in(&request.command)?,
    };
    let (input, stdin) = io::pipe()?;
    let (stdout, out) = io::pipe()?;
    let (stderr, err) = io::pipe()?;
    let (control, signals) = watch::channel(0);
    let exited = run(
        Arc::clone(shared),
        plan,
        Pipes { input, out, err },
        signals,
        ended,
    );
    Ok(ExecSession {
        stdin: request.stdin.then(|| OwnedFd::from(stdin)),
        stdout: stdout.into(),
        stderr: request.tty.is_none().then(|| stderr.into()),
        control: Box::new(Control(control)),
        exited: Box::pin(exited),
    })
}

fn cannot(message: String) -> StreamError {
    StreamError::CannotStart { message }
}

/// The commands that every simulated container has.
fn built_in(command: &[String]) -> Result<Plan, StreamError> {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    let plain = ExecScript {
        takes: Duration::ZERO,
        code: 0,
        out: vec![],
        err: vec![],
    };
    let plan = match words[..] {
        ["true"] => plain,
        ["false"] => ExecScript { code: 1, ..plain },
        ["echo", ..] => ExecScript {
            out: vec![words[1..].join(" ")],
            ..plain
        },
        ["cat"] => return Ok(Plan::Copy),
        ["sleep", seconds] => ExecScript {
            takes: seconds
                .parse()
                .map(Duration::from_secs)
                .map_err(|_| cannot(format!("sleep: invalid number '{seconds}'")))?,
            ..plain
        },
        ["sh", "-c", text] if text.starts_with("exit ") => ExecScript {
            code: text[5..].trim().parse::<u8>().map_or(2, i32::from),
            ..plain
        },
        _ => {
            let name = words.first().copied().unwrap_or_default();
            let text = format!("exec: \"{name}\": executable file not found in $PATH");
            return Err(cannot(text));
        }
    };
    Ok(Plan::Run(plan))
}

/// The command's ends.
struct Pipes {
    input: PipeReader,
    out: PipeWriter,
    err: PipeWriter,
}

async fn run(
    shared: Arc<Shared>,
    plan: Plan,
    pipes: Pipes,
    signals: watch::Receiver<i32>,
    ended: CancellationToken,
) -> Result<ExitStatus, StreamError> {
    tokio::select! {
        biased;
        done = carry_out(&shared, plan, pipes) => done,
        signal = signalled(signals) => Ok(killed(signal, false)),
        () = ended.cancelled() => Ok(killed(SIGKILL, false)),
    }
}

async fn carry_out(
    shared: &Shared,
    plan: Plan,
    mut pipes: Pipes,
) -> Result<ExitStatus, StreamError> {
    match plan {
        Plan::Copy => {
            blocking(move || io::copy(&mut pipes.input, &mut pipes.out)).await?;
            Ok(exited(0))
        }
        Plan::Run(ExecScript {
            takes,
            code,
            out,
            err,
        }) => {
            let until = shared.clock.now() + takes;
            let write = move || {
                write(&mut pipes.out, &out)?;
                write(&mut pipes.err, &err)?;
                Ok(pipes)
            };
            let _open_until_the_end = blocking(write).await?;
            shared.clock.sleep_until(until).await;
            Ok(exited(code))
        }
    }
}

/// Runs what a client may hold up. It ends when the client has let go of its streams, whoever waits.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

fn write(to: &mut PipeWriter, lines: &[String]) -> io::Result<()> {
    for line in lines {
        match writeln!(to, "{line}") {
            // A client that does not listen is no failure of the command.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

/// Completes with a signal that ends a process.
async fn signalled(mut signals: watch::Receiver<i32>) -> i32 {
    let signal = signals.wait_for(|signal| *signal > 0).await;
    match signal.map(|signal| *signal) {
        Ok(signal) => signal,
        Err(_) => std::future::pending().await,
    }
}

/// Signals a command; it has no terminal whose size would matter.
struct Control(watch::Sender<i32>);

impl ExecControl for Control {
    fn resize(&self, _size: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async { Ok(()) })
    }

    fn signal(&self, signal: i32) -> BoxFuture<'_, Result<(), StreamError>> {
        self.0.send_replace(signal);
        Box::pin(async { Ok(()) })
    }
}

/// Attaches to a container's own process, which says nothing and listens until its input ends.
pub(crate) fn attach(
    shared: &Arc<Shared>,
    pod: &PodRef,
    request: &ExecRequest,
    ended: CancellationToken,
) -> Result<ExecSession, StreamError> {
    let spec = pod.container(&request.container);
    let once = spec.is_some_and(|spec| spec.stdin_once);
    let (input, stdin) = io::pipe()?;
    let (stdout, out) = io::pipe()?;
    let (stderr, err) = io::pipe()?;
    if request.stdin {
        let (shared, uid) = (Arc::clone(shared), pod.uid.clone());
        let slot = (request.container.clone(), request.attempt);
        let out = out.try_clone()?;
        let instance = shared
            .world
            .lock()
            .running(&uid, &slot)
            .map(|i| i.script.end);
        let echoes = instance == Some(End::Input);
        let copied = tokio::task::spawn_blocking(move || listen(input, out, echoes));
        let owner = shared.processes.clone();
        owner.spawn(async move {
            if let Ok(Ok(())) = copied.await
                && once
            {
                shared.end_input(&uid, &slot);
            }
        });
    }
    let (shared, uid) = (Arc::clone(shared), pod.uid.clone());
    let slot = (request.container.clone(), request.attempt);
    Ok(ExecSession {
        stdin: request.stdin.then(|| OwnedFd::from(stdin)),
        stdout: stdout.into(),
        stderr: request.tty.is_none().then(|| stderr.into()),
        control: Box::new(Control(watch::Sender::new(0))),
        exited: Box::pin(async move {
            // Held open until the end, as the process would.
            let _streams = (out, err);
            ended.cancelled().await;
            let mut world = shared.world.lock();
            let exit = world.instance(&uid, &slot).and_then(|i| i.exit.clone());
            Ok(exit.map_or_else(|| killed(SIGKILL, false), |exit| exit.status))
        }),
    })
}

/// Reads a process's standard input to its end, and copies it if the process would.
fn listen(mut input: PipeReader, mut out: PipeWriter, echoes: bool) -> io::Result<()> {
    if echoes {
        io::copy(&mut input, &mut out).map(drop)
    } else {
        io::copy(&mut input, &mut io::sink()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(command: &[&str]) -> Result<Plan, String> {
        let command: Vec<_> = command.iter().map(|word| (*word).to_owned()).collect();
        built_in(&command).map_err(|error| error.to_string())
    }

    fn code(command: &[&str]) -> i32 {
        match plan(command) {
            Ok(Plan::Run(script)) => script.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_container_has_a_few_commands() {
        assert_eq!(code(&["true"]), 0);
        assert_eq!(code(&["false"]), 1);
        assert_eq!(code(&["sh", "-c", "exit 7"]), 7);
        assert_eq!(plan(&["cat"]), Ok(Plan::Copy));
        let Ok(Plan::Run(echo)) = plan(&["echo", "a", "b"]) else {
            panic!("no echo");
        };
        assert_eq!(echo.out, ["a b"]);
        let error = plan(&["reboot"]).unwrap_err();
        assert!(
            error.contains("\"reboot\": executable file not found"),
            "{error}"
        );
    }
}
