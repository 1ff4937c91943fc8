//! Frames as they go over the wire: encoded once, and shared by everybody who gets the same.
//!
//! ```text
//! grpc: flag 1 | length 4 | WatchPodsResponse { change: PodChange { … body …, kind, resume_token } }
//! ```
//! The body of a change depends on the revision and the view alone, so all selectors share it;
//! kind and token, which depend on the selector, follow it. In a protobuf message the order of
//! fields means nothing.

use std::{collections::VecDeque, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use lifepod_lifecycle::{id::Revision, port::Record};
use lifepod_proto::v1::{self as proto, ChangeKind};
use parking_lot::Mutex;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use proto::watch_pods_response::Frame;

use crate::{
    convert::{
        meta::{Face, View, reference},
        time, transition,
    },
    token::Tokens,
};

/// Bytes before a gRPC message: that it is not compressed, and its length.
const PREFIX: usize = 5;
/// Number of `change` in `WatchPodsResponse`.
const CHANGE: u32 = 4;
/// Bodies kept for selectors that come to the same revision a little later.
const BODIES: usize = 64;

/// Encodes a frame that is made for one watcher.
pub(super) fn encode(frame: Frame) -> Bytes {
    let message = proto::WatchPodsResponse { frame: Some(frame) };
    let length = message.encoded_len();
    let mut out = begin(length);
    // It has room for all of it.
    let _ = message.encode(&mut out);
    out.freeze()
}

fn begin(length: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out
}

/// Makes the frames of changes.
pub(crate) struct Encoder {
    face: Face,
    tokens: Tokens,
    bodies: Mutex<VecDeque<Body>>,
}

struct Body {
    revision: Revision,
    view: View,
    bytes: Bytes,
}

impl Encoder {
    pub(crate) fn new(face: Face, tokens: Tokens) -> Self {
        Self {
            face,
            tokens,
            bodies: Mutex::default(),
        }
    }

    /// The frame of a revision for the watchers of one selector and view.
    pub(super) fn change(
        &self,
        record: &Arc<Record>,
        kind: ChangeKind,
        view: View,
        filter: u64,
    ) -> Bytes {
        let body = self.body(record, view);
        let ending = proto::PodChange {
            kind: kind.into(),
            resume_token: self.tokens.resume(record.revision, filter),
            ..proto::PodChange::default()
        };
        let length = body.len() + ending.encoded_len();
        let mut head = BytesMut::with_capacity(16);
        encode_key(CHANGE, WireType::LengthDelimited, &mut head);
        encode_varint(length as u64, &mut head);
        debug_assert_eq!(head.len(), 1 + encoded_len_varint(length as u64));
        let mut out = begin(head.len() + length);
        out.put(head);
        out.put_slice(&body);
        // It has room for all of it.
        let _ = ending.encode(&mut out);
        out.freeze()
    }

    /// What all selectors share of a change.
    fn body(&self, record: &Arc<Record>, view: View) -> Bytes {
        let same = |body: &&Body| body.revision == record.revision && body.view == view;
        // From the newest: they are asked for most.
        if let Some(known) = self.bodies.lock().iter().rev().find(same) {
            return known.bytes.clone();
        }
        let carries_pod = view != View::TransitionsOnly;
        let body = proto::PodChange {
            revision: record.revision.0,
            pod_ref: Some(reference(&record.pod)),
            transitions: transition::all(record),
            pod: carries_pod.then(|| self.face.pod(&record.pod, view)),
            committed_at: Some(time::exact(record.committed_at)),
            previous_revision: record.previous.0,
            ..proto::PodChange::default()
        };
        let bytes = Bytes::from(body.encode_to_vec());
        let mut bodies = self.bodies.lock();
        if bodies.len() == BODIES {
            bodies.pop_front();
        }
        bodies.push_back(Body {
            revision: record.revision,
            view,
            bytes: bytes.clone(),
        });
        bytes
    }
}
