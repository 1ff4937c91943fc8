//! Who waits for what.

use std::{collections::HashMap, os::fd::OwnedFd};

use lifepod_shim::protocol::{ExecExit, ExecState, Failure, Reply};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// An answer, with the descriptor that came with it.
pub(super) type Answer = (Result<Reply, Failure>, Option<OwnedFd>);

/// Tasks that wait for an answer or for the end of an exec. Whoever is abandoned is told by the end of
/// its channel, and so is whoever comes after the shim is gone.
#[derive(Default)]
pub(super) struct Waiters(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answers: HashMap<u64, (oneshot::Sender<Answer>, bool)>,
    execs: HashMap<String, oneshot::Sender<ExecExit>>,
    closed: bool,
}

impl Waiters {
    /// Waits for the answer to a request; `with_fd` if a descriptor comes with a good one.
    pub(super) fn expect(&self, id: u64, with_fd: bool) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock();
        if !waiting.closed {
            waiting.answers.insert(id, (sender, with_fd));
        }
        receiver
    }

    /// Waits for the end of an exec.
    pub(super) fn expect_exit(&self, exec: &str) -> oneshot::Receiver<ExecExit> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock();
        if !waiting.closed {
            waiting.execs.insert(exec.to_owned(), sender);
        }
        receiver
    }

    pub(super) fn forget_exit(&self, exec: &str) {
        self.0.lock().execs.remove(exec);
    }

    /// Gives an answer to whoever waits for it; `fd` is only taken if one belongs to it.
    pub(super) fn answer(
        &self,
        id: u64,
        result: Result<Reply, Failure>,
        fd: impl FnOnce() -> Option<OwnedFd>,
    ) {
        let Some((waiter, with_fd)) = self.0.lock().answers.remove(&id) else {
            return;
        };
        let fd = if with_fd && result.is_ok() {
            fd()
        } else {
            None
        };
        // Whoever asked may have gone.
        let _ = waiter.send((result, fd));
    }

    /// Tells the end of an exec.
    pub(super) fn exec_ended(&self, exit: ExecExit) {
        if let Some(waiter) = self.0.lock().execs.remove(&exit.id) {
            // Whoever ran it may have gone.
            let _ = waiter.send(exit);
        }
    }

    /// The connection is gone: what was asked over it is not answered any more.
    pub(super) fn abandon_answers(&self) {
        self.0.lock().answers.clear();
    }

    /// A new connection tells how execs stand: some ended meanwhile, some are not known any more.
    pub(super) fn settle_execs(&self, known: Vec<ExecState>) {
        self.0
            .lock()
            .execs
            .retain(|id, _| known.iter().any(|exec| exec.id == *id));
        for exit in known.into_iter().filter_map(|exec| exec.exit) {
            self.exec_ended(exit);
        }
    }

    /// The shim is gone.
    pub(super) fn close(&self) {
        *self.0.lock() = Waiting {
            closed: true,
            ..Waiting::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(id: &str, exit_code: i32) -> ExecExit {
        ExecExit {
            id: id.to_owned(),
            container: "c".to_owned(),
            exit_code,
            signal: None,
            finished_at: lifepod_shim::UnixNanos(0),
        }
    }

    fn exec(id: &str, exit: Option<ExecExit>) -> ExecState {
        ExecState {
            id: id.to_owned(),
            container: "c".to_owned(),
            started: None,
            exit,
        }
    }

    #[test]
    fn nobody_waits_for_a_shim_that_is_gone() {
        let waiters = Waiters::default();
        let mut before = waiters.expect(1, false);
        waiters.close();
        let mut after = waiters.expect(2, false);
        assert!(
            before
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        assert!(
            after
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
    }

    #[test]
    fn a_new_connection_settles_every_exec() {
        let waiters = Waiters::default();
        let [mut ended, mut running, mut unknown] =
            ["ended", "running", "unknown"].map(|id| waiters.expect_exit(id));
        waiters.settle_execs(vec![
            exec("ended", Some(exit("ended", 3))),
            exec("running", None),
        ]);
        assert_eq!(ended.try_recv().map(|exit| exit.exit_code), Ok(3));
        assert_eq!(
            unknown.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        );
        assert_eq!(running.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        waiters.exec_ended(exit("running", 4));
        assert_eq!(running.try_recv().map(|exit| exit.exit_code), Ok(4));
    }
}
