//! A person at a terminal.

use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{Read, Write},
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Runs a command on a terminal of its own, types a line each time the shell waits at its
/// prompt, and answers everything that was shown.
pub(super) fn type_into(command: Command, lines: &str, patience: Duration) -> Result<String> {
    let (pty, pts) = pty_process::blocking::open().context("no terminal")?;
    pty.resize(pty_process::Size::new(24, 100))?;
    let mut process = spawn(command, pts)?;
    let (tell, told) = mpsc::channel();
    let pty = std::sync::Arc::new(pty);
    let reader = std::sync::Arc::clone(&pty);
    // Ends with the terminal's last holder, the process below.
    let reading = thread::spawn(move || {
        let mut chunk = [0; 1024];
        while let Ok(n @ 1..) = (&*reader).read(&mut chunk) {
            if tell.send(chunk[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut shown, end) = (Vec::new(), Instant::now() + patience);
    let mut waiting = lines.split_inclusive('\n');
    let (mut next, mut answered) = (waiting.next(), 0);
    loop {
        match told.recv_timeout(Duration::from_millis(50)) {
            Ok(chunk) => shown.extend(chunk),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() >= end => {
                process.kill()?;
                bail!(
                    "the shell does not end; it showed:\n{}",
                    String::from_utf8_lossy(&shown)
                );
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if let Some(line) = next.filter(|_| shown.len() > answered && shown.ends_with(b"# ")) {
            (&*pty).write_all(line.as_bytes())?;
            answered = shown.len();
            next = waiting.next();
        }
    }
    let status = process.wait()?;
    let _ = reading.join();
    ensure!(
        status.success(),
        "the command on the terminal ended with {status}"
    );
    Ok(String::from_utf8_lossy(&shown).into_owned())
}

fn spawn(command: Command, pts: pty_process::blocking::Pts) -> Result<std::process::Child> {
    let mut on_terminal = pty_process::blocking::Command::new(command.get_program());
    on_terminal = on_terminal.args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            on_terminal = on_terminal.env(name, value);
        }
    }
    on_terminal
        .spawn(pts)
        .context("cannot start on the terminal")
}
