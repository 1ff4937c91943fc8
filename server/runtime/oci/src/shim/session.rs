//! The task behind a handle: serves one connection after the other until the shim is gone.
//!
//! A connection can end although the shim lives, for example because we were too slow for it. Then
//! another one is made, and its first answer tells what was missed. Only a socket that nobody listens
//! on any more means that the shim is gone.

use std::{io, sync::Arc, time::Duration};

use lifepod_shim::{
    ExitRecord, SandboxDir,
    protocol::{ContainerState, ContainerStatus, Event, Message, State},
};
use tokio::{net::UnixStream, sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    ShimError,
    connection::{Connection, Inbox, Outgoing, send},
    waiters::Waiters,
};

const PAUSE: Duration = Duration::from_millis(100);
/// No shim has more containers that are not deleted.
const MAX_TOLD: usize = 1024;

pub(super) struct Session {
    pub(super) dir: SandboxDir,
    pub(super) outbox: mpsc::Receiver<Outgoing>,
    pub(super) waiters: Arc<Waiters>,
    pub(super) events: mpsc::Sender<ExitRecord>,
    /// The last handle is gone.
    pub(super) ended: CancellationToken,
    /// Exits our owner knows of, by the state it was given or an event.
    told: Vec<ExitRecord>,
}

impl Session {
    pub(super) fn new(
        dir: SandboxDir,
        outbox: mpsc::Receiver<Outgoing>,
        waiters: Arc<Waiters>,
        events: mpsc::Sender<ExitRecord>,
        ended: CancellationToken,
        state: &State,
    ) -> Self {
        let told = state
            .containers
            .iter()
            .filter_map(exit_of)
            .cloned()
            .collect();
        Self {
            dir,
            outbox,
            waiters,
            events,
            ended,
            told,
        }
    }

    /// Serves until the shim or the last handle is gone, then tells everyone who waits.
    pub(super) async fn run(mut self, mut connection: Connection) {
        let ended = self.ended.clone();
        loop {
            let result = tokio::select! {
                biased;
                () = ended.cancelled() => break,
                result = self.serve(&mut connection) => result,
            };
            self.waiters.abandon_answers();
            let again = tokio::select! {
                biased;
                () = ended.cancelled() => break,
                again = find_again(&self.dir) => again,
            };
            let Some((fresh, state)) = again else { break };
            tracing::warn!(dir = %self.dir.path().display(), ?result, "lost the connection to a shim and found it again");
            connection = fresh;
            self.catch_up(state).await;
        }
        self.waiters.close();
    }

    async fn serve(&mut self, connection: &mut Connection) -> io::Result<()> {
        let Connection { stream, inbox } = connection;
        let reading = read(stream, inbox, &self.waiters, &self.events, &mut self.told);
        tokio::select! {
            result = reading => result,
            result = write(stream, &mut self.outbox) => result,
        }
    }

    /// Tells what happened while there was no connection.
    async fn catch_up(&mut self, state: State) {
        self.waiters.settle_execs(state.execs);
        let exits: Vec<ExitRecord> = state
            .containers
            .iter()
            .filter_map(exit_of)
            .cloned()
            .collect();
        for record in &exits {
            if !self.told.contains(record) {
                // An owner that does not listen does not want to know.
                let _ = self.events.send(record.clone()).await;
            }
        }
        self.told = exits;
    }
}

fn exit_of(container: &ContainerState) -> Option<&ExitRecord> {
    match &container.status {
        ContainerStatus::Exited(record) => Some(record),
        _ => None,
    }
}

async fn read(
    stream: &UnixStream,
    inbox: &mut Inbox,
    waiters: &Waiters,
    events: &mpsc::Sender<ExitRecord>,
    told: &mut Vec<ExitRecord>,
) -> io::Result<()> {
    while let Some(message) = inbox.next(stream).await? {
        match message {
            Message::Response(response) => {
                waiters.answer(response.id, response.result, || inbox.take_fd());
            }
            Message::Event(Event::ExecExited(exit)) => waiters.exec_ended(exit),
            Message::Event(Event::ContainerExited(record)) => {
                // An owner that does not listen does not want to know.
                let _ = events.send(record.clone()).await;
                if told.len() == MAX_TOLD {
                    told.remove(0);
                }
                told.push(record);
            }
        }
    }
    Ok(())
}

async fn write(stream: &UnixStream, outbox: &mut mpsc::Receiver<Outgoing>) -> io::Result<()> {
    while let Some(outgoing) = outbox.recv().await {
        send(stream, &outgoing).await?;
    }
    Ok(())
}

/// Another connection to the same shim; none if it is gone.
async fn find_again(dir: &SandboxDir) -> Option<(Connection, State)> {
    loop {
        match Connection::open(dir).await {
            Ok(found) => return Some(found),
            Err(ShimError::Io(error)) if is_nobody_there(&error) => return None,
            Err(error) => {
                tracing::warn!(dir = %dir.path().display(), %error, "cannot reach a shim that lives");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A living shim listens until its very end.
fn is_nobody_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}
