//! One blocking rtnetlink socket: ask, wait for the kernel's acknowledgement.
//!
//! The kernel answers rtnetlink requests before `send` returns, so a blocking socket is both the
//! simplest and the fastest client; an event loop would add wake-ups and nothing else. A socket
//! belongs to the network namespace of the thread that opened it, for as long as it lives,
//! whichever thread uses it later.

use super::error::NetworkError;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use std::{io, os::fd::OwnedFd};

/// The kernel's dumps come in buffers of at most 32 KiB.
const BUFFER: usize = 64 * 1024;
/// Every netlink message starts on a four-byte boundary.
const ALIGNMENT: usize = 4;

/// An rtnetlink socket.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Box<[u8]>,
}

/// How a request that changes something treats what is already there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// Fail with `EEXIST` when the object exists.
    Create,
    /// Change an existing object, or delete.
    Modify,
}

impl Netlink {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> Result<Self, NetworkError> {
        // No protocol number is NETLINK_ROUTE: it is number 0.
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        );
        let socket = socket.map_err(failed("open a netlink socket"))?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; BUFFER].into(),
        })
    }

    /// Makes one change and waits until the kernel has made it.
    pub(super) fn change(
        &mut self,
        operation: &'static str,
        message: RouteNetlinkMessage,
        mode: Mode,
    ) -> Result<(), NetworkError> {
        let create = match mode {
            Mode::Create => NLM_F_CREATE | NLM_F_EXCL,
            Mode::Modify => 0,
        };
        self.transact(operation, message, NLM_F_REQUEST | NLM_F_ACK | create)
            .map(drop)
    }

    /// Reads one object.
    pub(super) fn read(
        &mut self,
        operation: &'static str,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetworkError> {
        self.transact(operation, message, NLM_F_REQUEST | NLM_F_ACK)
    }

    /// Lists all objects of the message's kind.
    pub(super) fn list(
        &mut self,
        operation: &'static str,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetworkError> {
        self.transact(operation, message, NLM_F_REQUEST | NLM_F_DUMP)
    }

    fn transact(
        &mut self,
        operation: &'static str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, NetworkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = NetlinkMessage::from(message);
        request.header.flags = flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let length = request.buffer_len();
        request.serialize(&mut self.buffer[..length]);
        send(&self.socket, &self.buffer[..length], SendFlags::empty())
            .map_err(failed(operation))?;
        self.answers()
            .map_err(|source| NetworkError::Kernel { operation, source })
    }

    /// Collects answers up to the acknowledgement or the end of the dump.
    fn answers(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut answers = Vec::new();
        loop {
            let (received, _) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            let mut offset = 0;
            while let Some(header) = self.buffer[offset..received].first_chunk::<4>() {
                let length = u32::from_ne_bytes(*header) as usize;
                if length < ALIGNMENT || offset + length > received {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "truncated netlink message",
                    ));
                }
                if self.take(offset..offset + length, &mut answers)? {
                    return Ok(answers);
                }
                offset += length.next_multiple_of(ALIGNMENT);
            }
        }
    }

    /// Handles one message; true when it was the last.
    fn take(
        &self,
        range: std::ops::Range<usize>,
        answers: &mut Vec<RouteNetlinkMessage>,
    ) -> io::Result<bool> {
        let message = match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&self.buffer[range])
        {
            Ok(message) => message,
            Err(error) => {
                // An attribute newer than the decoder, on some foreign object: not ours to fail on.
                tracing::debug!(%error, "skipping an undecodable netlink message");
                return Ok(false);
            }
        };
        if message.header.sequence_number != self.sequence {
            return Ok(false); // left over from a request that failed half way
        }
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => answers.push(answer),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(answer) if answer.code.is_none() => return Ok(true),
            NetlinkPayload::Error(answer) => return Err(answer.to_io()),
            _ => {}
        }
        Ok(false)
    }
}

fn failed(operation: &'static str) -> impl Fn(rustix::io::Errno) -> NetworkError {
    move |errno| NetworkError::Kernel {
        operation,
        source: errno.into(),
    }
}
