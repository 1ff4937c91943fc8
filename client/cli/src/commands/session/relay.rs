//! Passes bytes, sizes and signals between this process and a command.

use std::io::Write;

use bytes::Bytes;
use lifepod_client::{Exec, ExecEvent, Exit, Output};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::input;
use crate::{
    failure::Failure,
    output,
    terminal::{self, RawMode},
};

/// Exit codes of a process that a signal ended, as a shell shows them.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// What is passed on.
pub(super) struct Session {
    /// Whether stdin is.
    pub(super) stdin: bool,
    /// Whether every key is, as it is.
    pub(super) raw: bool,
}

/// What happened here.
enum Here {
    Typed(Option<Bytes>),
    Resized,
    Told(lifepod_client::Result<ExecEvent>),
    Ended(i32),
}

struct Signals {
    resized: Signal,
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
        })
    }
}

impl Session {
    /// Relays until the command has ended.
    pub(super) async fn relay(&self, mut exec: Exec) -> Result<Exit, Failure> {
        let raw = if self.raw {
            Some(RawMode::enter()?)
        } else {
            None
        };
        let mut signals = Signals::new()?;
        let mut typed = if self.stdin {
            Some(input::chunks()?)
        } else {
            None
        };
        let mut input = exec.input();
        if raw.is_some() {
            // The window may have changed since the size was taken.
            send(input.resize(terminal::size()).await);
        }
        loop {
            match next(&mut exec, &mut typed, &mut signals).await {
                Here::Typed(Some(chunk)) => send(input.write(chunk).await),
                Here::Typed(None) => {
                    typed = None;
                    send(input.close().await);
                }
                Here::Resized if raw.is_some() => send(input.resize(terminal::size()).await),
                Here::Resized => {}
                Here::Ended(code) => {
                    drop(raw);
                    return Err(Failure::Exit(code));
                }
                Here::Told(event) => match event? {
                    ExecEvent::Output(output) => print(&output)?,
                    ExecEvent::Exited(exit) => return Ok(exit),
                },
            }
        }
    }
}

/// Input for a command that has ended is let go of; how it ended comes as an event.
fn send(result: lifepod_client::Result<()>) {
    drop(result);
}

async fn next(
    exec: &mut Exec,
    typed: &mut Option<mpsc::Receiver<Bytes>>,
    signals: &mut Signals,
) -> Here {
    tokio::select! {
        biased;
        _ = signals.interrupted.recv() => Here::Ended(INTERRUPTED),
        _ = signals.terminated.recv() => Here::Ended(TERMINATED),
        _ = signals.hung_up.recv() => Here::Ended(TERMINATED),
        _ = signals.resized.recv() => Here::Resized,
        event = exec.next() => Here::Told(event),
        chunk = receive(typed), if typed.is_some() => Here::Typed(chunk),
    }
}

async fn receive(typed: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    match typed {
        Some(chunks) => chunks.recv().await,
        None => None,
    }
}

fn print(output: &Output) -> Result<(), Failure> {
    if output.is_stderr {
        let mut err = std::io::stderr().lock();
        err.write_all(&output.data)?;
        err.flush()?;
        return Ok(());
    }
    output::bytes(&output.data)
}
