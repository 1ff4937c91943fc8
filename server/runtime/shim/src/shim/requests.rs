//! From a request to the method that does it.

use std::os::fd::OwnedFd;

use lifepod_shim::protocol::{Call, ErrorCode, Failure, PROTOCOL_VERSION, Reply};

use super::{Shim, container::Phase, exec::SentSignal};
use crate::{
    control::{Incoming, ReplyTo},
    runtime::set_size,
    sys::send_to_process,
};

const SIGKILL: i32 = libc::SIGKILL;

impl Shim {
    pub(super) fn on_request(&mut self, connection: u32, incoming: Incoming) {
        let to = ReplyTo {
            connection,
            request: incoming.request.id,
        };
        // `None`: the answer comes later.
        let result = match incoming.request.call {
            Call::Hello { version } => Some(self.hello(connection, version)),
            Call::State => Some(Ok(Reply::State(self.state()))),
            Call::Create(create) => self.create(to, &create, incoming.fds).err().map(Err),
            Call::Signal {
                container,
                signal,
                all,
            } => Some(self.signal(&container, signal, all)),
            Call::Exec(exec) => self.exec(to, exec, incoming.fds).err().map(Err),
            Call::ExecSignal {
                exec,
                signal,
                group,
            } => Some(self.signal_exec(&exec, signal, group)),
            Call::Resize { container, size } => {
                Some(self.with_terminal(&container, |fd| set_size(fd, size)))
            }
            Call::CloseStdin { container } => Some(self.close_stdin(&container)),
            Call::Attach(attach) => Some(self.attach(&attach, incoming.fds)),
            Call::ReopenLog { container } => Some(self.reopen_log(&container)),
            Call::Delete { container } => self.delete(to, &container),
            Call::Shutdown => self.begin_shutdown(to),
        };
        if let Some(result) = result {
            self.answer(to, result, None);
        }
    }

    fn hello(&mut self, connection: u32, version: u32) -> Result<Reply, Failure> {
        if version != PROTOCOL_VERSION {
            let text = format!(
                "this shim speaks version {PROTOCOL_VERSION} of the protocol, not {version}"
            );
            return Err(Failure::new(ErrorCode::UnsupportedVersion, text));
        }
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.subscribed = true;
        }
        Ok(Reply::State(self.state()))
    }

    fn signal(&mut self, id: &str, signal: i32, all: bool) -> Result<Reply, Failure> {
        let key = self.known_container(id)?;
        check_signal(signal)?;
        if signal == SIGKILL {
            self.look_at_oom_kills(key);
        }
        let Some(container) = self.containers.get(&key) else {
            return Err(no_container(id));
        };
        if all {
            container
                .cgroup
                .signal_all(&self.layout, signal)
                .map_err(machine_failed)?;
            return Ok(Reply::Done);
        }
        let Some(init) = container.live_init() else {
            return Err(not_running(id));
        };
        send_to_process(init, signal).map_err(machine_failed)?;
        Ok(Reply::Done)
    }

    fn signal_exec(&mut self, id: &str, signal: i32, group: bool) -> Result<Reply, Failure> {
        check_signal(signal)?;
        let Some(exec) = self.execs.values_mut().find(|exec| exec.id == id) else {
            return Err(Failure::new(ErrorCode::NotFound, format!("no exec `{id}`")));
        };
        exec.signal(SentSignal { signal, group })?;
        Ok(Reply::Done)
    }

    fn with_terminal(
        &mut self,
        id: &str,
        act: impl FnOnce(&OwnedFd) -> std::io::Result<()>,
    ) -> Result<Reply, Failure> {
        let key = self.known_container(id)?;
        let terminal = self
            .containers
            .get(&key)
            .and_then(|container| container.terminal.as_ref());
        let Some(terminal) = terminal else {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                format!("container `{id}` has no terminal"),
            ));
        };
        act(terminal).map_err(machine_failed)?;
        Ok(Reply::Done)
    }

    fn reopen_log(&mut self, id: &str) -> Result<Reply, Failure> {
        let key = self.known_container(id)?;
        let Some(container) = self.containers.get_mut(&key) else {
            return Err(no_container(id));
        };
        if let Some(log) = &mut container.outputs.log {
            log.reopen().map_err(machine_failed)?;
            container.outputs.retry(&mut self.reactor);
        }
        Ok(Reply::Done)
    }

    /// The key of a container, or why there is none.
    pub(super) fn known_container(&self, id: &str) -> Result<u32, Failure> {
        self.container_key(id).ok_or_else(|| no_container(id))
    }

    /// The key of a container that runs, with its init.
    pub(super) fn running_container(&self, id: &str) -> Result<(u32, i32), Failure> {
        let key = self.known_container(id)?;
        match self
            .containers
            .get(&key)
            .map(|container| (&container.phase, &container.deletion))
        {
            Some((Phase::Running(started), None)) => Ok((key, started.pid)),
            _ => Err(not_running(id)),
        }
    }
}

fn check_signal(signal: i32) -> Result<(), Failure> {
    if (1..=64).contains(&signal) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::InvalidRequest,
        format!("there is no signal {signal}"),
    ))
}

pub(super) fn no_container(id: &str) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("no container `{id}`"))
}

pub(super) fn not_running(id: &str) -> Failure {
    Failure::new(
        ErrorCode::NotRunning,
        format!("container `{id}` is not running"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
pub(super) fn machine_failed(error: std::io::Error) -> Failure {
    Failure::new(ErrorCode::Io, error.to_string())
}

/// Names become file names.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=128).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".." {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::InvalidRequest,
        format!("`{name}` is not a usable name"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_directory() {
        for bad in ["", ".", "..", "a/b", "a b", &"x".repeat(129)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("nginx-0.1_A").is_ok());
    }
}
