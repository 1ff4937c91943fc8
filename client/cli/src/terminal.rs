//! The terminal of this process: raw mode that is always undone, and its size.

use std::{
    io::{IsTerminal, stderr, stdin, stdout},
    panic,
    sync::Once,
};

use crossterm::terminal;
use lifepod_client::TerminalSize;

/// Whether somebody types.
#[must_use]
pub(crate) fn is_typed() -> bool {
    stdin().is_terminal()
}

/// Whether stderr is looked at as it is written.
#[must_use]
pub(crate) fn shows_progress() -> bool {
    stderr().is_terminal()
}

/// The size of the terminal; 80 x 24 when there is none.
#[must_use]
pub(crate) fn size() -> TerminalSize {
    let known = stdout()
        .is_terminal()
        .then(terminal::size)
        .and_then(Result::ok);
    let (columns, rows) = known
        .filter(|(columns, _)| *columns > 0)
        .unwrap_or((80, 24));
    TerminalSize { columns, rows }
}

/// Passes every key on as it is. Dropping it undoes that; so does a panic, and whoever ends the process by a signal must
/// drop it first.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    /// Switches the terminal.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn enter() -> std::io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let earlier = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                // Otherwise the panic's own text would be unreadable.
                let _ = terminal::disable_raw_mode();
                earlier(info);
            }));
        });
        terminal::enable_raw_mode()?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
    }
}
