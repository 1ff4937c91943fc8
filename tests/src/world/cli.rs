//! The command line client, as a person runs it.

use super::observer::SOON;
use crate::fixtures::Stage;
use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Stdio};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

/// Runs `lifepod` against one server.
#[derive(Debug, Clone)]
pub struct Cli {
    program: PathBuf,
    endpoint: String,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// All else.
    pub stderr: String,
}

impl Cli {
    /// For the stage's server.
    #[must_use]
    pub fn new(stage: &Stage) -> Self {
        Self {
            program: stage.binaries.lifepod.clone(),
            endpoint: stage.endpoint(),
        }
    }

    /// The command, not started yet; killed when its handle goes.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("LIFEPOD_HOST", &self.endpoint)
            .kill_on_drop(true);
        command
    }

    /// The same for a terminal.
    #[must_use]
    pub fn on_terminal(&self, arguments: &[&str]) -> pty_process::blocking::Command {
        let command = pty_process::blocking::Command::new(&self.program);
        command
            .args(arguments)
            .env("LIFEPOD_HOST", &self.endpoint)
            .env("TERM", "xterm")
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ran> {
        self.run_with(arguments, "").await
    }

    /// Runs a command with input.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Result<Ran> {
        let line = format!("lifepod {}", arguments.join(" "));
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot run lifepod")?;
        let mut stdin = process.stdin.take().context("no input")?;
        // Written while the output is read, or both would wait for each other; a command that
        // reads none may be gone already.
        let feed = async move { _ = stdin.write_all(input.as_bytes()).await };
        let ran = async { tokio::join!(feed, process.wait_with_output()).1 };
        let ended = timeout(SOON, ran).await;
        let output = ended.with_context(|| format!("`{line}` does not end"))??;
        Ok(Ran {
            code: output
                .status
                .code()
                .with_context(|| format!("`{line}` was killed"))?,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that must succeed; answers its data.
    ///
    /// # Errors
    ///
    /// When it fails or does not end in time.
    pub async fn ok(&self, arguments: &[&str]) -> Result<String> {
        let ran = self.run(arguments).await?;
        ensure!(
            ran.code == 0,
            "`lifepod {}` failed: {ran:?}",
            arguments.join(" ")
        );
        Ok(ran.stdout)
    }
}
