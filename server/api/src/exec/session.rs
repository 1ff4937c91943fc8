//! A command, or an attached process, with its output and whoever is attached to it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use lifepod_lifecycle::{port::ExecControl, transition::ExitStatus};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::tape::Tape;

/// Bytes that attached clients may be behind before reading from the command waits.
const WINDOW: u64 = 64 << 10;

/// What happens when the last client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The command is asked to stop, and killed after the grace.
    Kill { grace: Duration },
    /// It goes on, and the newest output is kept for whoever attaches next.
    Keep { bytes: u64 },
    /// It is none of ours: a container's own process.
    LetGo,
}

/// How it ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Exited {
        status: ExitStatus,
        reason: &'static str,
        message: String,
    },
    /// It cannot be known any more.
    Lost { detail: String },
}

#[derive(Default)]
struct State {
    /// stdout and stderr.
    tapes: [Tape; 2],
    /// No more will come.
    ended: [bool; 2],
    /// How far each attached client has read.
    attached: BTreeMap<u64, [u64; 2]>,
    /// Somebody was attached once.
    was_attached: bool,
    /// The process is gone.
    is_over: bool,
    /// Nobody looks at the process any more.
    is_closed: bool,
    /// Told to clients after all output.
    outcome: Option<Outcome>,
}

impl State {
    /// How far every attached client has read of a stream; none if nobody is attached.
    fn slowest(&self, stream: usize) -> Option<u64> {
        self.attached.values().map(|read| read[stream]).min()
    }
}

pub(super) struct Session {
    /// Empty for a container's own process.
    pub id: String,
    pub container: String,
    pub tty: bool,
    pub policy: Policy,
    pub control: Box<dyn ExecControl>,
    /// Input for the process; none when it takes none, or no more.
    stdin: Mutex<Option<mpsc::Sender<Bytes>>>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    numbers: AtomicU64,
}

impl Session {
    pub(super) fn new(
        id: String,
        container: String,
        tty: bool,
        policy: Policy,
        control: Box<dyn ExecControl>,
        stdin: Option<mpsc::Sender<Bytes>>,
    ) -> Self {
        Self {
            id,
            container,
            tty,
            policy,
            control,
            stdin: Mutex::new(stdin),
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            numbers: AtomicU64::new(0),
        }
    }

    /// Told whenever anything of the session changes.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Wakes everybody who looks at the session.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }

    /// A client begins to read from these offsets on; none means from now on.
    pub(super) fn attach(&self, from: [Option<u64>; 2]) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        let ends = [state.tapes[0].end(), state.tapes[1].end()];
        let at = [0, 1].map(|stream| from[stream].unwrap_or(ends[stream]).min(ends[stream]));
        state.attached.insert(number, at);
        state.was_attached = true;
        drop(state);
        self.wake();
        number
    }

    pub(super) fn detach(&self, client: u64) {
        let mut state = self.state.lock();
        state.attached.remove(&client);
        drop(state);
        self.wake();
    }

    /// Everybody who was attached has gone.
    pub(super) fn is_abandoned(&self) -> bool {
        let state = self.state.lock();
        state.was_attached && state.attached.is_empty()
    }

    /// Whether more of a stream may be read from the process.
    pub(super) fn has_room(&self, stream: usize) -> bool {
        let state = self.state.lock();
        let end = state.tapes[stream].end();
        // With nobody attached the process must not block: what is too much is forgotten.
        state.slowest(stream).is_none_or(|read| end - read < WINDOW)
    }

    pub(super) fn push(&self, stream: usize, bytes: &[u8]) {
        let mut state = self.state.lock();
        state.tapes[stream].push(bytes);
        let end = state.tapes[stream].end();
        let slowest = state.slowest(stream);
        let keep = match self.policy {
            Policy::Keep { bytes } => end.saturating_sub(bytes),
            Policy::Kill { .. } | Policy::LetGo => end,
        };
        // Before the first client has attached everything is for it.
        let needed = if state.was_attached { slowest } else { Some(0) };
        let from = needed.map_or(keep, |needed| needed.min(keep));
        state.tapes[stream].trim(from);
        drop(state);
        self.wake();
    }

    /// The next output for a client, which thereby has read it.
    pub(super) fn read(&self, client: u64, stream: usize, limit: usize) -> Option<(u64, Bytes)> {
        let mut state = self.state.lock();
        let at = state.attached.get(&client)?[stream];
        let (offset, bytes) = state.tapes[stream].read(at, limit)?;
        let read = offset + bytes.len() as u64;
        if let Some(positions) = state.attached.get_mut(&client) {
            positions[stream] = read;
        }
        drop(state);
        self.wake();
        Some((offset, bytes))
    }

    /// Skips what a client does not want.
    pub(super) fn skip(&self, client: u64, stream: usize) {
        while self.read(client, stream, usize::MAX).is_some() {}
    }

    pub(super) fn end_stream(&self, stream: usize) {
        self.state.lock().ended[stream] = true;
        self.wake();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().ended == [true, true]
    }

    /// The process is gone; output may still be on its way.
    pub(super) fn set_over(&self) {
        self.state.lock().is_over = true;
        self.wake();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    /// Lets go of a process that goes on.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        self.state.lock().outcome = Some(outcome);
        self.wake();
    }

    /// How it ended, once all output is on the tapes.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.state.lock().outcome.clone()
    }

    /// Where input goes; none when the process takes none, or no more.
    pub(super) fn input(&self) -> Option<mpsc::Sender<Bytes>> {
        self.stdin.lock().clone()
    }

    pub(super) fn close_input(&self) {
        *self.stdin.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use lifepod_lifecycle::port::{BoxFuture, StreamError, TerminalSize};

    use super::*;

    struct NoControl;

    impl ExecControl for NoControl {
        fn resize(&self, _: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>> {
            Box::pin(async { Ok(()) })
        }

        fn signal(&self, _: i32) -> BoxFuture<'_, Result<(), StreamError>> {
            Box::pin(async { Ok(()) })
        }
    }

    fn session(policy: Policy) -> Session {
        let (id, container) = ("id".to_owned(), "c".to_owned());
        Session::new(id, container, false, policy, Box::new(NoControl), None)
    }

    #[test]
    fn a_slow_client_stops_the_reading_and_loses_nothing() {
        let session = session(Policy::Kill {
            grace: Duration::ZERO,
        });
        let client = session.attach([None, None]);
        let chunk = vec![b'x'; 32 << 10];
        assert!(session.has_room(0));
        session.push(0, &chunk);
        session.push(0, &chunk);
        assert!(!session.has_room(0), "a window full is not read yet");
        assert!(session.has_room(1), "the other stream is free");
        let (offset, bytes) = session.read(client, 0, 1 << 20).unwrap();
        assert_eq!((offset, bytes.len()), (0, 64 << 10));
        assert!(session.has_room(0));
    }

    #[test]
    fn a_kept_command_keeps_its_newest_output() {
        let session = session(Policy::Keep { bytes: 4 });
        let first = session.attach([None, None]);
        session.push(0, b"abc");
        assert_eq!(session.read(first, 0, 9).unwrap().0, 0);
        session.detach(first);
        assert!(session.is_abandoned());
        session.push(0, b"defgh");
        assert!(session.has_room(0), "nobody holds it up");
        let again = session.attach([Some(3), Some(0)]);
        let (offset, bytes) = session.read(again, 0, 9).unwrap();
        assert_eq!(
            (offset, &bytes[..]),
            (4, &b"efgh"[..]),
            "`d` is gone, and it shows"
        );
    }

    #[test]
    fn output_before_the_first_client_is_for_it() {
        let session = session(Policy::LetGo);
        session.push(0, b"early");
        assert!(!session.is_abandoned(), "nobody came yet");
        let client = session.attach([Some(0), Some(0)]);
        assert_eq!(&session.read(client, 0, 9).unwrap().1[..], b"early");
    }
}
