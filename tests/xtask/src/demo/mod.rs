//! The article's pod, run for real: a registry, a server, the unchanged manifest, and every
//! step a person would take with the command line client.

mod http;
mod watch;

use crate::{
    setup,
    steps::{short, step, workspace},
};
use anyhow::{Context, Result, ensure};
use lifepod_tests::{
    fixtures::{Daemon, Leaks, Stage, nginx},
    world::{Cli, Terminal},
};
use std::{
    process::Command,
    time::{Duration, Instant},
};
use watch::Watcher;

/// The kernel takes namespaces and what is in them apart a little after their last process.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest time any step of the walk may take.
const DEADLINE: Duration = Duration::from_secs(60);
const MANIFEST: &str = "docs/examples/lifecycle-demo.yaml";
const POD: &str = "lifecycle-demo";
const GREETING: &str = "Hello from the postStart handler";

/// Run the lifecycle demo: a registry on loopback, a server on a temporary folder, the pod of
/// docs/examples/lifecycle-demo.yaml; each step with its time, and nothing left behind
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    setup::ensure()?;
    let image = step("make the nginx image", nginx)?;
    let stage = step("build the binaries, start a registry", Stage::set_up)?;
    step("push library/nginx:latest", || {
        stage.registry.push(&image, "library/nginx", "latest")
    })?;
    let leaks = stage.watch_leaks()?;
    let daemon = step("start lifepodd", || stage.start_daemon())?;
    let walked = walk(&stage).with_context(|| format!("the server's log:\n{}", daemon.log()));
    if walked.is_err() {
        // Nothing of a failed demo is to stay either; why it failed is told below.
        let _ = Shell { stage: &stage }.run(&["delete", "pods", "--all", "--now"]);
    }
    let stopped = step("stop lifepodd", || Daemon::stop(daemon))?;
    walked?;
    ensure!(stopped.success(), "lifepodd ended with {stopped}");
    step("lifepodd cleanup", || stage.clean_up())?;
    check_leaks(&leaks)
}

fn check_leaks(leaks: &Leaks) -> Result<()> {
    step(
        "nothing left behind: process, mount, interface, nft table, cgroup",
        || leaks.expect_none(PATIENCE),
    )
}

/// Runs `lifepod` as a person would.
struct Shell<'s> {
    stage: &'s Stage,
}

impl Shell<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.stage.binaries.lifepod);
        command.args(arguments).current_dir(workspace());
        command.env(
            "LIFEPOD_HOST",
            format!("unix://{}", self.stage.socket().display()),
        );
        command
    }

    /// Runs a command to its end, shows what it printed and how long it took.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let started = Instant::now();
        let output = self
            .command(arguments)
            .output()
            .context("cannot run lifepod")?;
        let (text, errors) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        show(arguments, &format!("{text}{errors}"), started.elapsed());
        ensure!(
            output.status.success(),
            "`lifepod {}` failed: {}",
            arguments.join(" "),
            output.status
        );
        Ok(text.into_owned())
    }

    /// Runs a command again and again until it prints `wanted`, and shows that once: what is logged
    /// after an answer was sent needs its moment.
    fn run_until(&self, arguments: &[&str], wanted: &str) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        loop {
            let output = self
                .command(arguments)
                .output()
                .context("cannot run lifepod")?;
            if String::from_utf8_lossy(&output.stdout).contains(wanted) {
                return self.run(arguments).map(|_| ());
            }
            ensure!(
                Instant::now() < end,
                "`lifepod {}` never printed `{wanted}`",
                arguments.join(" ")
            );
        }
    }

    /// Types into `lifepod exec -it POD -- sh`, as the article does.
    fn type_into_shell(&self) -> Result<String> {
        let arguments = ["exec", "-it", POD, "--", "sh"];
        let started = Instant::now();
        let command = Cli::new(self.stage).on_terminal(&arguments);
        let mut terminal = Terminal::start(command, 24, 100)?;
        for line in ["cat /usr/share/message\n", "exit\n"] {
            terminal.expect("# ")?;
            terminal.type_in(line)?;
        }
        let (code, text) = terminal.finish()?;
        ensure!(code == 0, "the command on the terminal ended with {code}");
        show(&arguments, &text, started.elapsed());
        Ok(text)
    }
}

fn show(arguments: &[&str], text: &str, took: Duration) {
    println!("\n$ lifepod {}    [{}]", arguments.join(" "), short(took));
    for line in text.lines() {
        println!("{}", line.trim_end_matches('\r'));
    }
}

fn walk(stage: &Stage) -> Result<()> {
    let shell = Shell { stage };
    let watcher = Watcher::start(&stage.socket())?;
    shell.run(&["create", "-f", MANIFEST])?;
    let early = shell.run(&["get", "pods"])?;
    ensure!(
        early.contains("ContainerCreating"),
        "the pod is not shown ContainerCreating"
    );
    let running = watcher.until("the pod runs", DEADLINE, |seen| seen.phase == "Running")?;
    watcher.print_new();
    let listed = shell.run(&["get", "pods", "-o", "wide"])?;
    ensure!(
        listed.contains("1/1") && listed.contains("Running"),
        "the pod is not shown Running"
    );
    let described = shell.run(&["describe", "pod", POD])?;
    ensure!(
        described.contains("QoS Class:"),
        "the description is not complete"
    );
    let typed = shell.type_into_shell()?;
    ensure!(
        typed.contains(GREETING),
        "the shell did not print what postStart wrote"
    );
    fetch_page(&running.ip)?;
    shell.run_until(&["logs", POD], "GET / ")?;
    shell.run(&["delete", "pod", POD])?;
    let gone = watcher.until("the pod is gone", DEADLINE, |seen| seen.deleted)?;
    watcher.print_new();
    ensure!(
        gone.exit_code == Some(0),
        "nginx ended with {:?}, not 0",
        gone.exit_code
    );
    ensure!(!gone.pre_stop.is_empty(), "preStop did not run");
    // The hook's shell dies with the container whose end it waits for, which counts as a failed hook in
    // Kubernetes too; that nginx quit by itself shows in its exit code.
    println!("\nnginx quit through preStop: exit code 0, the object is gone");
    shell.run(&["get", "pods"])?;
    watcher.stop()
}

fn fetch_page(ip: &str) -> Result<()> {
    let started = Instant::now();
    let page = http::get(ip, 80, DEADLINE)?;
    println!("\nHTTP GET http://{ip}/    [{}]", short(started.elapsed()));
    let interesting = |line: &&str| {
        line.starts_with("HTTP/") || line.starts_with("Server:") || line.contains("<title>")
    };
    page.lines()
        .filter(interesting)
        .for_each(|line| println!("{line}"));
    ensure!(
        page.contains("Welcome to nginx!"),
        "this is not nginx's page:\n{page}"
    );
    Ok(())
}
