//! What all watchers of one selector and view share: the selector is evaluated once for each
//! revision, the frame encoded once, and every watcher gets the same bytes.
//!
//! ```text
//! log tail ──► Channel: judge, encode ──► ring of frames ◄── watchers, each at its own position
//!                                                 └── a watcher that is further back reads the
//!                                                     journal by itself until it gets there
//! ```
//! Nobody feeds a channel: the first watcher that asks for what is new does the work for all. A
//! channel lives as long as one of its watchers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
};

use bytes::{Bytes, BytesMut};
use lifepod_lifecycle::{Pod, id::Revision, port::Record};
use parking_lot::Mutex;

use super::membership::Membership;
use crate::{convert::meta::View, selector::Selector, shared::Shared};

/// Frames a channel keeps, and bytes of frames.
const FRAMES: usize = 512;
const BYTES: usize = 512 << 10;
/// Most bytes that a watcher which is behind gets at once.
const PIECE: usize = 64 << 10;

type Key = (u64, View);

/// The channels there are.
#[derive(Default)]
pub(crate) struct Channels(Mutex<HashMap<Key, Weak<Channel>>>);

/// One selector and view.
pub(super) struct Channel {
    pub(super) selector: Arc<Selector>,
    pub(super) filter: u64,
    pub(super) view: View,
    ring: Mutex<Ring>,
}

struct Ring {
    membership: Membership,
    /// Everything after this, up to `upto`, is in here.
    from: Revision,
    upto: Revision,
    frames: VecDeque<(Revision, Bytes)>,
    bytes: usize,
    /// The last piece that was put together, for the others at the same place.
    piece: Option<Piece>,
}

struct Piece {
    after: Revision,
    last: Revision,
    bytes: Bytes,
}

/// What a channel has for a watcher.
pub(super) enum Next {
    /// One or more frames, and the revision of the last one.
    Frames(Revision, Bytes),
    /// No frames up to that revision, which is the newest.
    Nothing(Revision),
    /// The watcher is further back than the channel reaches.
    Behind,
}

impl Channels {
    /// The channel of a selector and view. A new one begins with what is now.
    pub(super) fn join(
        &self,
        shared: &Shared,
        selector: Arc<Selector>,
        view: View,
    ) -> Arc<Channel> {
        let filter = selector.hash();
        let mut channels = self.0.lock();
        let known = channels.get(&(filter, view)).and_then(Weak::upgrade);
        // Two selectors of one hash are as good as impossible, and must not be taken for one.
        if let Some(channel) = known.filter(|known| known.selector == selector) {
            return channel;
        }
        if channels.len() == channels.capacity() {
            channels.retain(|_, channel| channel.strong_count() > 0);
        }
        let channel = Arc::new(Channel {
            ring: Mutex::new(Ring::now(shared, &selector)),
            selector,
            filter,
            view,
        });
        channels.insert((filter, view), Arc::downgrade(&channel));
        channel
    }
}

impl Channel {
    /// What comes after a position.
    pub(super) fn next(&self, shared: &Shared, after: Revision) -> Next {
        let mut ring = self.ring.lock();
        if after < ring.from {
            return Next::Behind;
        }
        if after >= ring.upto && !self.read_on(&mut ring, shared) {
            return Next::Behind;
        }
        ring.after(after)
    }

    /// Takes in what is new. False if that is no longer in memory: then the channel begins anew
    /// with what is now, and everybody behind that reads the journal.
    fn read_on(&self, ring: &mut Ring, shared: &Shared) -> bool {
        loop {
            let Some(records) = shared.engine.recent(ring.upto) else {
                *ring = Ring::now(shared, &self.selector);
                return false;
            };
            if records.is_empty() {
                return true;
            }
            for record in records {
                self.take(ring, shared, &record);
            }
        }
    }

    fn take(&self, ring: &mut Ring, shared: &Shared, record: &Arc<Record>) {
        ring.upto = record.revision;
        if !record.is_visible() {
            return;
        }
        if let Some(kind) = ring.membership.judge_known(record) {
            let frame = shared.frames.change(record, kind, self.view, self.filter);
            ring.push(record.revision, frame);
        }
    }
}

impl Ring {
    fn now(shared: &Shared, selector: &Arc<Selector>) -> Self {
        let snapshot = shared.engine.snapshot();
        let selected = |pod: &&Arc<Pod>| selector.is_mutable() && selector.matches(pod);
        let selected: Vec<_> = snapshot.pods.iter().filter(selected).cloned().collect();
        Self {
            membership: Membership::known(Arc::clone(selector), &selected),
            from: snapshot.revision,
            upto: snapshot.revision,
            frames: VecDeque::new(),
            bytes: 0,
            piece: None,
        }
    }

    fn push(&mut self, revision: Revision, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back((revision, frame));
        while self.frames.len() > FRAMES || (self.bytes > BYTES && self.frames.len() > 1) {
            if let Some((gone, frame)) = self.frames.pop_front() {
                self.bytes -= frame.len();
                self.from = gone;
            }
        }
    }

    fn after(&mut self, after: Revision) -> Next {
        let first = self
            .frames
            .partition_point(|(revision, _)| *revision <= after);
        match self.frames.len() - first {
            0 => Next::Nothing(self.upto),
            1 => {
                let (revision, frame) = &self.frames[first];
                Next::Frames(*revision, frame.clone())
            }
            _ => self.piece(after, first),
        }
    }

    /// Puts the frames from `first` on together; those who are behind are so by the same frames.
    fn piece(&mut self, after: Revision, first: usize) -> Next {
        // There may be more by now, which comes with the next piece.
        if let Some(piece) = &self.piece
            && piece.after == after
        {
            return Next::Frames(piece.last, piece.bytes.clone());
        }
        let mut bytes = BytesMut::new();
        let mut last = after;
        for (revision, frame) in self.frames.range(first..) {
            if !bytes.is_empty() && bytes.len() + frame.len() > PIECE {
                break;
            }
            bytes.extend_from_slice(frame);
            last = *revision;
        }
        let bytes = bytes.freeze();
        self.piece = Some(Piece {
            after,
            last,
            bytes: bytes.clone(),
        });
        Next::Frames(last, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_at_the_same_place_get_the_same_bytes() {
        let selector = Arc::new(Selector::parse(None).unwrap());
        let mut ring = Ring {
            membership: Membership::unknown(selector),
            from: Revision(0),
            upto: Revision(4),
            frames: VecDeque::new(),
            bytes: 0,
            piece: None,
        };
        let frame = Bytes::from(vec![7; PIECE / 2]);
        for revision in 1..=4 {
            ring.push(Revision(revision), frame.clone());
        }
        let mut piece = |after| match ring.after(Revision(after)) {
            Next::Frames(last, bytes) => (last.0, bytes),
            Next::Nothing(_) | Next::Behind => panic!("there is more"),
        };
        let (last, bytes) = piece(0);
        assert_eq!((last, bytes.len()), (2, PIECE), "no more than a piece");
        let (again, same) = piece(0);
        assert_eq!(again, last);
        assert_eq!(same.as_ptr(), bytes.as_ptr(), "put together once");
        assert_eq!(piece(last).0, 4, "nothing is left out");
    }
}
