//! Beginning a session, or coming back to one.

use std::{sync::Arc, time::Duration};

use futures::stream;
use lifepod_engine::RequestKey;
use lifepod_lifecycle::{
    port::{ExecRequest, ExecSession, StreamError},
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::exec_response::Frame;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::{
    Frames, RPC,
    attachment::Attachment,
    inbound::{self, terminal_size},
    pump,
    session::{Policy, Session},
    supervise::supervise,
    target::{Running, place, running},
};
use crate::{
    convert::{spec_in::NOT_YET, time::duration_from},
    error::{ApiError, Result},
    request_key::request_key,
    shared::Shared,
};

const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const MAX_GRACE: Duration = Duration::from_secs(600);
/// Chunks of input that wait for the process.
const INPUT_QUEUE: usize = 4;
/// Exit codes of a command that cannot be run, as shells have them.
const CANNOT_EXECUTE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// A `start` that was understood.
struct Start {
    running: Running,
    id: String,
    fingerprint: u64,
    request: ExecRequest,
    policy: Policy,
    timeout: Option<Duration>,
    wanted: [bool; 2],
}

pub(super) async fn start(
    shared: &Arc<Shared>,
    given: proto::ExecStart,
    frames: Streaming<proto::ExecRequest>,
) -> Result<Frames> {
    let key = request_key(RPC, &given.exec_id, &given)?;
    if let Some(key) = &key
        && let Some(session) = shared.execs.find_begun(&key.id, key.fingerprint)?
    {
        // Repeated: the command runs, or has run, already.
        let wanted = [!given.discard_stdout, !given.discard_stderr];
        return Ok(join(shared, session, [Some(0), Some(0)], wanted, frames));
    }
    let start = understand(shared, given, key)?;
    if matches!(start.policy, Policy::Keep { .. }) {
        shared.execs.check_room()?;
    }
    let container = start.running.container.clone();
    let tty = start.request.tty.is_some();
    let mut cannot_start = None;
    let begin = async {
        let pod = start.running.pod.reference();
        let begun = shared.streams.exec(&pod, start.request.clone()).await;
        let session = match begun {
            Ok(session) => session,
            Err(StreamError::CannotStart { message }) => {
                cannot_start = Some(message.clone());
                return Err(ApiError::RuntimeUnavailable { detail: message });
            }
            Err(error) => return Err(stream_error(error, &start.running)),
        };
        begin(shared, &start, session)
    };
    let obtained = shared
        .execs
        .obtain(&start.id, start.fingerprint, begin)
        .await;
    match (obtained, cannot_start) {
        (Ok(session), _) => Ok(join(
            shared,
            session,
            [Some(0), Some(0)],
            start.wanted,
            frames,
        )),
        (Err(_), Some(message)) => Ok(start_error(&start.id, &container, tty, message)),
        (Err(error), None) => Err(error),
    }
}

pub(super) async fn attach(
    shared: &Arc<Shared>,
    given: proto::ExecAttach,
    frames: Streaming<proto::ExecRequest>,
) -> Result<Frames> {
    let wanted = [!given.discard_stdout, !given.discard_stderr];
    let offset = |given: Option<i64>| given.map(|offset| u64::try_from(offset).unwrap_or(0));
    if !given.exec_id.is_empty() {
        let found = shared.execs.find(&given.exec_id);
        let session = found.ok_or(ApiError::ExecNotFound(given.exec_id))?;
        if let Some(size) = &given.terminal_size {
            resize(&session, terminal_size(Some(size))?).await;
        }
        let from = [offset(given.stdout_offset), offset(given.stderr_offset)];
        return Ok(join(shared, session, from, wanted, frames));
    }
    let running = running(shared, given.target.as_ref())?;
    let size = terminal_size(given.terminal_size.as_ref())?;
    let request = ExecRequest {
        container: running.container.clone(),
        attempt: running.attempt,
        container_id: running.container_id.clone(),
        command: Vec::new(),
        stdin: given.stdin && running.stdin,
        tty: running.tty.then_some(size),
    };
    let pod = running.pod.reference();
    let attached = shared.streams.attach(&pod, request.clone()).await;
    let session = attached.map_err(|error| stream_error(error, &running))?;
    let start = Start {
        running,
        id: String::new(),
        fingerprint: 0,
        request,
        policy: Policy::LetGo,
        timeout: None,
        wanted,
    };
    let session = begin(shared, &start, session)?;
    Ok(join(shared, session, [None, None], wanted, frames))
}

async fn resize(session: &Session, size: lifepod_lifecycle::port::TerminalSize) {
    if let Err(error) = session.control.resize(size).await {
        tracing::debug!(%error, "a terminal could not be resized");
    }
}

fn understand(shared: &Shared, given: proto::ExecStart, key: Option<RequestKey>) -> Result<Start> {
    let mut v = Violations::default();
    if given.command.is_empty() {
        v.required("start.command", "");
    }
    if !given.env.is_empty() {
        v.forbidden("start.env", NOT_YET);
    }
    if !given.working_dir.is_empty() {
        v.forbidden("start.workingDir", NOT_YET);
    }
    let policy = policy(shared, &given, &mut v);
    let timeout = match given.timeout.as_ref().map(duration_from) {
        Some(None) => {
            v.invalid("start.timeout", "", "must be greater than or equal to 0");
            None
        }
        given => given.flatten(),
    };
    if !v.is_empty() {
        return Err(ApiError::fields("ExecStart", v));
    }
    let tty = given
        .tty
        .then(|| terminal_size(given.terminal_size.as_ref()))
        .transpose()?;
    let running = running(shared, given.target.as_ref())?;
    let (id, fingerprint) = match key {
        Some(key) => (key.id, key.fingerprint),
        None => (Uuid::new_v4().hyphenated().to_string(), 0),
    };
    Ok(Start {
        id,
        fingerprint,
        request: ExecRequest {
            container: running.container.clone(),
            attempt: running.attempt,
            container_id: running.container_id.clone(),
            command: given.command,
            stdin: given.stdin,
            tty,
        },
        policy,
        timeout,
        wanted: [!given.discard_stdout, !given.discard_stderr],
        running,
    })
}

fn policy(shared: &Shared, given: &proto::ExecStart, v: &mut Violations) -> Policy {
    if given.disconnect_policy() == proto::ExecDisconnectPolicy::Keep {
        let bytes = shared.config.limits.exec_buffer_bytes as u64;
        return Policy::Keep { bytes };
    }
    let grace = match &given.disconnect_grace {
        None => Some(DEFAULT_GRACE),
        Some(grace) => duration_from(grace).filter(|grace| *grace <= MAX_GRACE),
    };
    if grace.is_none() {
        let detail = "must be between 0s and 600s, inclusive";
        v.invalid("start.disconnectGrace", "", detail);
    }
    Policy::Kill {
        grace: grace.unwrap_or(DEFAULT_GRACE),
    }
}

/// Puts the process's descriptors to work and gives the session to its supervisor.
fn begin(shared: &Arc<Shared>, start: &Start, process: ExecSession) -> Result<Arc<Session>> {
    let broken =
        |error: std::io::Error| ApiError::internal("a descriptor cannot be polled", &error);
    let tty = start.request.tty.is_some();
    let stdout = pump::receiver(process.stdout).map_err(broken)?;
    let stderr = process
        .stderr
        .map(pump::receiver)
        .transpose()
        .map_err(broken)?;
    let stdin = process
        .stdin
        .map(pump::sender)
        .transpose()
        .map_err(broken)?;
    let input = stdin.map(|fd| {
        let (sender, queue) = mpsc::channel(INPUT_QUEUE);
        shared.tasks.spawn(pump::write(fd, queue, tty));
        sender
    });
    let session = Arc::new(Session::new(
        start.id.clone(),
        start.running.container.clone(),
        tty,
        start.policy,
        process.control,
        input,
    ));
    shared
        .tasks
        .spawn(pump::read(stdout, Arc::clone(&session), 0));
    match stderr {
        Some(fd) => {
            shared.tasks.spawn(pump::read(fd, Arc::clone(&session), 1));
        }
        None => session.end_stream(1),
    }
    shared.tasks.spawn(supervise(
        Arc::clone(shared),
        Arc::clone(&session),
        process.exited,
        start.timeout,
    ));
    Ok(session)
}

/// Attaches a client: its frames in, the session's frames out.
fn join(
    shared: &Arc<Shared>,
    session: Arc<Session>,
    from: [Option<u64>; 2],
    wanted: [bool; 2],
    frames: Streaming<proto::ExecRequest>,
) -> Frames {
    let attachment = Attachment::new(Arc::clone(&session), from, wanted, shared.drain.clone());
    shared
        .tasks
        .spawn(inbound::run(session, frames, attachment.link()));
    Box::pin(attachment.into_stream())
}

fn stream_error(error: StreamError, running: &Running) -> ApiError {
    match error {
        StreamError::NotRunning { container } => ApiError::ContainerNotRunning {
            at: place(&running.pod, &container),
            state: "terminated".to_owned(),
        },
        other => ApiError::of_stream(other, RPC),
    }
}

/// A command that cannot be run has an outcome like any other.
fn start_error(id: &str, container: &str, tty: bool, message: String) -> Frames {
    let lower = message.to_lowercase();
    let missing = lower.contains("not found") || lower.contains("no such file");
    let code = if missing { NOT_FOUND } else { CANNOT_EXECUTE };
    let started = Frame::Started(proto::ExecStarted {
        exec_id: id.to_owned(),
        container: container.to_owned(),
        tty,
    });
    let exited = Frame::Exited(proto::ExecExited {
        exit: Some(proto::ExitInfo {
            code,
            signal: 0,
            oom_killed: false,
        }),
        reason: "StartError".to_owned(),
        message,
    });
    let frames = [started, exited];
    let frames = frames.map(|frame| Ok::<_, Status>(proto::ExecResponse { frame: Some(frame) }));
    Box::pin(stream::iter(frames))
}
