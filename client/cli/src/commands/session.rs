//! `lifepod exec` and `lifepod attach`.

mod input;
mod relay;

use lifepod_client::{AttachOptions, ExecOptions, Pods, Word, proto};

use super::connect;
use crate::{
    args::{AttachArgs, ExecArgs, Global},
    containers,
    failure::Failure,
    output, targets, terminal,
};
use relay::Session;

/// Runs a command; gives back its exit code.
pub(super) async fn exec(global: &Global, args: ExecArgs) -> Result<i32, Failure> {
    let name = exec_target(&args)?;
    let client = connect(global).await?;
    let pods = client.pods(targets::namespace(global));
    let pod = running(
        &pods,
        &name,
        "cannot exec into a container in a completed pod",
    )
    .await?;
    let container = containers::choose(&pod, args.container.as_deref(), args.quiet)?;
    let tty = terminal_wanted(args.tty, args.stdin);
    let mut options = ExecOptions::new(args.command).container(container);
    options.stdin = args.stdin;
    options.tty = tty.then(terminal::size);
    let exec = pods.exec(&name, options).await?;
    let session = Session {
        stdin: args.stdin,
        raw: tty && args.stdin,
    };
    let exit = session.relay(exec).await?;
    if exit.code != 0 && !exit.message.is_empty() {
        output::note(&format!("error: {}", exit.message));
    }
    if exit.code != 0 && !args.quiet {
        output::note(&format!("command terminated with exit code {}", exit.code));
    }
    Ok(exit.code)
}

/// The pod to run a command in, if the command line makes sense.
fn exec_target(args: &ExecArgs) -> Result<String, Failure> {
    let name = match args.targets.as_slice() {
        [] => {
            return Err(Failure::error(
                "pod, type/name or --filename must be specified",
            ));
        }
        [name] => targets::single(name)?,
        _ => {
            return Err(Failure::error(
                "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'lifepod exec \
                 -h' for help and examples",
            ));
        }
    };
    if args.command.is_empty() {
        return Err(Failure::error(
            "you must specify at least one command for the container",
        ));
    }
    Ok(name)
}

/// Attaches to the process of a container.
pub(super) async fn attach(global: &Global, args: AttachArgs) -> Result<i32, Failure> {
    let name = match args.targets.as_slice() {
        [] => return Err(Failure::error("at least 1 argument is required for attach")),
        [name] => targets::single(name)?,
        _ => {
            return Err(Failure::error(
                "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments)",
            ));
        }
    };
    let client = connect(global).await?;
    let pods = client.pods(targets::namespace(global));
    let pod = running(&pods, &name, "cannot attach a container in a completed pod").await?;
    let container =
        containers::choose(&pod, args.container.as_deref(), args.quiet).map_err(|failure| {
            let text = failure.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Failure::error(format!("cannot attach to the container: {text}"))
        })?;
    let tty = terminal_wanted(args.tty, args.stdin);
    if !args.quiet {
        output::note(
            "All commands and output from this session will be recorded in container logs, including credentials and \
             sensitive information passed through the command prompt.\nIf you don't see a command prompt, try \
             pressing enter.",
        );
    }
    let options = AttachOptions {
        container,
        stdin: args.stdin,
        terminal_size: tty.then(terminal::size),
        ..Default::default()
    };
    let exec = pods.attach(&name, options).await?;
    let session = Session {
        stdin: args.stdin,
        raw: tty && args.stdin,
    };
    session.relay(exec).await.map(|exit| exit.code)
}

async fn running(pods: &Pods, name: &str, otherwise: &str) -> Result<proto::Pod, Failure> {
    let pod = pods.get(name).await?;
    let phase = pod
        .status
        .as_ref()
        .map(proto::PodStatus::phase)
        .unwrap_or_default();
    if matches!(phase, proto::PodPhase::Succeeded | proto::PodPhase::Failed) {
        let phase = phase.word();
        return Err(Failure::error(format!(
            "{otherwise}; current phase is {phase}"
        )));
    }
    Ok(pod)
}

/// A terminal there is of use only with one here.
fn terminal_wanted(asked: bool, stdin: bool) -> bool {
    if asked && stdin && !terminal::is_typed() {
        output::note("Unable to use a TTY - input is not a terminal or the right kind of file");
        return false;
    }
    asked
}
