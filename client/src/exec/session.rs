//! A command under way.
//!
//! The outcome exists only as the value of an `exited` frame: [`Exec::next`] and [`Exec::exited`] return an error for a
//! stream that ended in any other way, so it cannot be mistaken for success.

use bytes::Bytes;
use futures::{SinkExt, Stream, channel::mpsc};
use lifepod_proto::v1::{
    self as proto, exec_request::Frame as Sent, exec_response::Frame as Received,
    exec_service_client::ExecServiceClient,
};
use tonic::{Request, Status, Streaming};

use super::{AttachOptions, ExecOptions, TerminalSize};
use crate::{Error, Pods, Result, connect::sized, error::decode};

/// Frames of input on their way; more input waits for the network.
const INPUT_FRAMES: usize = 16;
/// Most bytes of one input frame.
const INPUT_CHUNK: usize = 32 << 10;

/// A command, or an attached process, under way. Dropping it disconnects.
#[derive(Debug)]
pub struct Exec {
    input: ExecInput,
    output: Streaming<proto::ExecResponse>,
    started: proto::ExecStarted,
    offsets: [i64; 2],
}

/// What a command tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecEvent {
    /// It wrote something.
    Output(Output),
    /// It has ended, and all its output was told.
    Exited(Exit),
}

/// Output of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether it was written to stderr; otherwise to stdout or the terminal.
    pub is_stderr: bool,
    /// The bytes.
    pub data: Bytes,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code: its own, or 128 + n after death by signal n.
    pub code: i32,
    /// Signal it died of; 0 if none.
    pub signal: i32,
    /// `Completed`, `Error`, `Timeout`, `StartError` or `Killed`.
    pub reason: String,
    /// Text for people; may be empty.
    pub message: String,
}

impl Exit {
    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == 0 && self.signal == 0
    }
}

/// A command that has ended, with everything it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Everything it wrote to stdout.
    pub stdout: Vec<u8>,
    /// Everything it wrote to stderr.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub exit: Exit,
}

impl Pods {
    /// Runs a command in a container of a pod. Returns once it runs. Never repeated by itself.
    ///
    /// # Errors
    /// `CONTAINER_NOT_RUNNING`, `POD_NOT_FOUND` and the like.
    pub async fn exec(&self, name: &str, mut options: ExecOptions) -> Result<Exec> {
        let target = self.container(name, &mut options.container, &mut options.uid);
        self.open(Sent::Start(options.start(target)), [0, 0]).await
    }

    /// Attaches to a process that runs already.
    ///
    /// # Errors
    /// As [`Pods::exec`].
    pub async fn attach(&self, name: &str, mut options: AttachOptions) -> Result<Exec> {
        let target = self.container(name, &mut options.container, &mut String::new());
        let offsets = [
            options.stdout_offset.unwrap_or(-1),
            options.stderr_offset.unwrap_or(-1),
        ];
        self.open(Sent::Attach(options.attach(target)), offsets)
            .await
    }

    /// Runs a command and collects its output.
    ///
    /// # Errors
    /// As [`Pods::exec`]; [`Error::OutcomeUnknown`] when the connection broke on the way.
    pub async fn run(&self, name: &str, options: ExecOptions) -> Result<Finished> {
        let mut exec = self.exec(name, options).await?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match exec.next().await? {
                ExecEvent::Output(output) if output.is_stderr => {
                    stderr.extend_from_slice(&output.data);
                }
                ExecEvent::Output(output) => stdout.extend_from_slice(&output.data),
                ExecEvent::Exited(exit) => {
                    return Ok(Finished {
                        stdout,
                        stderr,
                        exit,
                    });
                }
            }
        }
    }

    pub(crate) fn container(
        &self,
        pod: &str,
        container: &mut String,
        uid: &mut String,
    ) -> proto::ContainerReference {
        proto::ContainerReference {
            namespace: self.namespace().to_owned(),
            pod: pod.to_owned(),
            uid: std::mem::take(uid),
            container: std::mem::take(container),
        }
    }

    async fn open(&self, first: Sent, offsets: [i64; 2]) -> Result<Exec> {
        let (mut frames, outgoing) = mpsc::channel(INPUT_FRAMES);
        // The channel is empty: the first frame always fits.
        frames
            .try_send(proto::ExecRequest { frame: Some(first) })
            .map_err(|_| unknown(None))?;
        let request = Request::new(outgoing_stream(outgoing));
        let mut service = sized!(ExecServiceClient::new(self.client.channel()));
        let response = service.exec(request).await;
        let mut output = response.map_err(|status| decode(&status))?.into_inner();
        let first = output.message().await.map_err(|status| decode(&status))?;
        let Some(Received::Started(started)) = first.and_then(|first| first.frame) else {
            return Err(Error::Protocol {
                detail: "Exec did not begin with `started`",
            });
        };
        Ok(Exec {
            input: ExecInput { frames },
            output,
            started,
            offsets,
        })
    }
}

fn outgoing_stream(
    frames: mpsc::Receiver<proto::ExecRequest>,
) -> impl Stream<Item = proto::ExecRequest> + Send + 'static {
    frames
}

impl Exec {
    /// What was started: the command's id and the container.
    #[must_use]
    pub fn started(&self) -> &proto::ExecStarted {
        &self.started
    }

    /// A handle for input, signals and the size of the terminal.
    #[must_use]
    pub fn input(&self) -> ExecInput {
        self.input.clone()
    }

    /// The next thing the command tells. After [`ExecEvent::Exited`] there is nothing more.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] when the stream ended, in whatever way, before the outcome was told.
    pub async fn next(&mut self) -> Result<ExecEvent> {
        loop {
            let message = self.output.message().await;
            let frame = message.map_err(|status: Status| unknown(Some(decode(&status))))?;
            match frame.ok_or_else(|| unknown(None))?.frame {
                Some(Received::Output(output)) => {
                    return self.accept(output).map(ExecEvent::Output);
                }
                Some(Received::Exited(exited)) => return Ok(ExecEvent::Exited(exit(exited))),
                Some(Received::Started(_)) | None => {}
            }
        }
    }

    /// Waits for the end and lets go of the output still to come.
    ///
    /// # Errors
    /// As [`Exec::next`].
    pub async fn exited(mut self) -> Result<Exit> {
        loop {
            if let ExecEvent::Exited(exit) = self.next().await? {
                return Ok(exit);
            }
        }
    }

    fn accept(&mut self, output: proto::ExecOutput) -> Result<Output> {
        let is_stderr = output.stream() == proto::OutputStream::Stderr;
        let expected = &mut self.offsets[usize::from(is_stderr)];
        // -1: attached without an offset of our own, so the first one sets it.
        if *expected >= 0 && output.offset != *expected {
            return Err(Error::Protocol {
                detail: "a chunk of the command's output is missing or came twice",
            });
        }
        *expected = output.offset + i64::try_from(output.data.len()).unwrap_or(i64::MAX);
        Ok(Output {
            is_stderr,
            data: output.data,
        })
    }
}

fn exit(exited: proto::ExecExited) -> Exit {
    let info = exited.exit.unwrap_or_default();
    Exit {
        code: info.code,
        signal: info.signal,
        reason: exited.reason,
        message: exited.message,
    }
}

fn unknown(source: Option<Error>) -> Error {
    Error::OutcomeUnknown {
        source: source.map(Box::new),
    }
}

/// Sends input to a command. Cheap to clone; waits when the network is slower than the caller.
#[derive(Clone, Debug)]
pub struct ExecInput {
    frames: mpsc::Sender<proto::ExecRequest>,
}

impl ExecInput {
    /// Sends bytes to its stdin.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the command's stream is over.
    pub async fn write(&mut self, mut data: Bytes) -> Result<()> {
        while !data.is_empty() {
            let chunk = data.split_to(data.len().min(INPUT_CHUNK));
            self.send(Sent::Stdin(chunk)).await?;
        }
        Ok(())
    }

    /// Closes its stdin.
    ///
    /// # Errors
    /// As [`ExecInput::write`].
    pub async fn close(&mut self) -> Result<()> {
        self.send(Sent::StdinClose(proto::ExecStdinClose {})).await
    }

    /// Tells it that the terminal here has another size.
    ///
    /// # Errors
    /// As [`ExecInput::write`].
    pub async fn resize(&mut self, size: TerminalSize) -> Result<()> {
        self.send(Sent::Resize(size.into())).await
    }

    /// Sends it a signal, by Linux number.
    ///
    /// # Errors
    /// As [`ExecInput::write`].
    pub async fn signal(&mut self, signal: i32) -> Result<()> {
        self.send(Sent::Signal(proto::ExecSignal { signal })).await
    }

    async fn send(&mut self, frame: Sent) -> Result<()> {
        let frame = proto::ExecRequest { frame: Some(frame) };
        self.frames
            .send(frame)
            .await
            .map_err(|_| Error::Unreachable {
                detail: "the command's stream is over".to_owned(),
            })
    }
}
