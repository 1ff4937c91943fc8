//! A terminal with a program on it, and somebody who reads and types.

use super::observer::SOON;
use anyhow::{Context, Result, bail, ensure};
use pty_process::{
    Size,
    blocking::{Command, Pty, open},
};
use std::{
    io::{Read as _, Write as _},
    process::Child,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
struct Screen {
    text: String,
    closed: bool,
}

/// A terminal with a program on it.
pub struct Terminal {
    pty: Arc<Pty>,
    process: Child,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the screen was expected already.
    read: usize,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts a program on a new terminal of so many rows and columns.
    ///
    /// # Errors
    ///
    /// When there is no terminal, or no program.
    pub fn start(command: Command, rows: u16, columns: u16) -> Result<Self> {
        let (pty, end) = open().context("no terminal")?;
        pty.resize(Size::new(rows, columns))?;
        let process = command.spawn(end).context("cannot start on the terminal")?;
        let (pty, screen) = (Arc::new(pty), Arc::default());
        // Ends with the last program that has the terminal open.
        let reader = thread::spawn({
            let (pty, screen) = (Arc::clone(&pty), Arc::clone(&screen));
            move || read_all(&pty, &screen)
        });
        Ok(Self {
            pty,
            process,
            screen,
            read: 0,
            reader: Some(reader),
        })
    }

    /// Waits until a text appears after what was expected before.
    ///
    /// # Errors
    ///
    /// With the screen, when it does not appear.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + SOON;
        let (screen, changed) = &*self.screen;
        let mut now = screen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(at) = now.text[self.read..].find(text) {
                self.read += at + text.len();
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(
                !now.closed && !left.is_zero(),
                "no `{text}` on the screen:\n{}",
                now.text
            );
            now = changed
                .wait_timeout(now, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Types.
    ///
    /// # Errors
    ///
    /// When the terminal is closed.
    pub fn type_in(&self, text: &str) -> Result<()> {
        Ok((&*self.pty).write_all(text.as_bytes())?)
    }

    /// Gives the terminal another size.
    ///
    /// # Errors
    ///
    /// When the terminal is closed.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        Ok(self.pty.resize(Size::new(rows, columns))?)
    }

    /// Waits until the program ends; answers its exit code.
    ///
    /// # Errors
    ///
    /// With the screen, when it does not end in time or is killed.
    pub fn exit_code(self) -> Result<i32> {
        Ok(self.finish()?.0)
    }

    /// As [`Terminal::exit_code`], with everything that was shown.
    ///
    /// # Errors
    ///
    /// As [`Terminal::exit_code`].
    pub fn finish(mut self) -> Result<(i32, String)> {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(status) = self.process.try_wait()? {
                let code = status.code();
                let code = code.with_context(|| format!("ended with {status}"))?;
                self.read_rest();
                return Ok((code, self.text()));
            }
            if Instant::now() >= deadline {
                bail!("the program does not end; the screen:\n{}", self.text());
            }
            thread::sleep(POLL);
        }
    }

    /// Reads until nobody has the terminal open any more.
    fn read_rest(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It does not panic.
            let _ = reader.join();
        }
    }

    fn text(&self) -> String {
        self.screen
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text
            .clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.read_rest();
    }
}

fn read_all(pty: &Pty, screen: &(Mutex<Screen>, Condvar)) {
    let mut chunk = [0; 4096];
    loop {
        let read = (&*pty).read(&mut chunk).unwrap_or(0);
        let mut now = screen.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        now.closed = read == 0;
        screen.1.notify_all();
        if now.closed {
            return;
        }
    }
}
