//! Drops old segments.

use std::{sync::Arc, time::Duration};

use super::{
    Log, Timestamp,
    checkpoint::KEPT,
    layout::{self, CHECKPOINTS, JOURNAL},
    segment::Segment,
};
use crate::error::{IoContext as _, LogError};

/// How much history is kept. A segment goes as soon as one of the limits no longer asks for it,
/// unless it is the last one or needed to rebuild the state from the older of the two kept
/// checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Keep commits younger than this.
    pub age: Option<Duration>,
    /// Keep at least that many revisions.
    pub revisions: Option<u64>,
    /// Keep at most that many bytes of segments and of the checkpoints that only history needs, if
    /// what must stay allows it.
    pub bytes: Option<u64>,
    /// Keep this revision and all after it, whatever the limits say.
    pub from: Option<u64>,
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments removed.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Oldest revision that can still be read.
    pub oldest: u64,
}

impl Log {
    /// Removes the segments that `retention` does not keep. Meant for a background thread; an
    /// append waits only while a list is changed, readers that are inside a segment finish it.
    ///
    /// # Errors
    /// Those of the disk; what was left is removed by the next call.
    pub fn compact(&self, retention: &Retention, now: Timestamp) -> Result<Compacted, LogError> {
        let _maintenance = self.0.maintenance.lock();
        let droppable = self.droppable(retention, now)?;
        if droppable > 0 {
            // The checkpoints that make the segments superfluous must outlive them.
            self.0
                .disk
                .sync_dir(CHECKPOINTS)
                .context("sync", CHECKPOINTS)?;
        }
        let gone: Vec<Arc<Segment>> = self.0.segments.write().drain(..droppable).collect();
        let done = Compacted {
            segments: gone.len(),
            bytes: gone.iter().map(|segment| segment.end()).sum(),
            oldest: self.oldest(),
        };
        // By the directory, not by the list: an earlier call may have failed half-way.
        let disk = &*self.0.disk;
        let mut removed = false;
        for revision in layout::segments(disk)? {
            if revision < done.oldest {
                let path = layout::segment_path(revision);
                disk.remove(&path).context("remove", &path)?;
                removed = true;
            }
        }
        if removed {
            disk.sync_dir(JOURNAL).context("sync", JOURNAL)?;
            self.remove_old_checkpoints()?;
        }
        Ok(done)
    }

    /// How many of the oldest segments are not kept.
    fn droppable(&self, retention: &Retention, now: Timestamp) -> Result<usize, LogError> {
        let known = layout::checkpoints(&*self.0.disk)?;
        let (old, newest) = known.split_at(known.len().saturating_sub(KEPT));
        let Some(recoverable) = newest.first() else {
            return Ok(0);
        };
        let mut states = self.sizes(old)?.into_iter().peekable();
        let needed = retention.from.unwrap_or(u64::MAX).min(recoverable + 1);
        let segments = self.0.segments.read().clone();
        let mut bytes: u64 = segments.iter().map(|segment| segment.end()).sum();
        bytes += states.clone().map(|(_, size)| size).sum::<u64>();
        let mut droppable = 0;
        for pair in segments.windows(2) {
            let (segment, next) = (&pair[0], &pair[1]);
            let expired = retention.age.is_some_and(|age| {
                let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
                // Everything in it is older than the segment after it.
                now.saturating_sub(next.header.created_at) > age
            });
            let beyond = retention
                .revisions
                .is_some_and(|n| self.newest() - segment.last() >= n);
            let oversize = retention.bytes.is_some_and(|limit| bytes > limit);
            if segment.last() >= needed || !(expired || beyond || oversize) {
                break;
            }
            bytes -= segment.end();
            while let Some((_, size)) = states.next_if(|(at, _)| at + 1 < next.first()) {
                bytes -= size;
            }
            droppable += 1;
        }
        Ok(droppable)
    }

    /// Checkpoints with their sizes.
    fn sizes(&self, checkpoints: &[u64]) -> Result<Vec<(u64, u64)>, LogError> {
        let size = |at: &u64| {
            let path = layout::checkpoint_path(*at);
            let file = self.0.disk.open(&path).context("open", &path)?;
            Ok((*at, file.size().context("read", &path)?))
        };
        checkpoints.iter().map(size).collect()
    }
}
