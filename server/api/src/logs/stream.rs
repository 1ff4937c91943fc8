//! The messages of one answer, made one at a time.

use std::{io, sync::Arc};

use futures::Stream;
use lifepod_proto::v1::{LogEntry, ReadLogsResponse};
use tonic::Status;

use super::{
    choose::Instance,
    cri,
    file::LogFile,
    filter::{Filter, Sieve},
    follow::Follow,
    position::Place,
    tail,
};
use crate::{
    error::{ApiError, Result},
    exec::target::place,
    shared::Shared,
};

/// Bytes of data in one message, about.
const MESSAGE: usize = 256 << 10;
/// A line longer than this is not one: the rest up to the next line feed is skipped.
const MAX_LINE: usize = 1 << 20;

pub(super) struct Reader {
    shared: Arc<Shared>,
    instance: Instance,
    /// None while an instance that runs has not written anything.
    file: Option<LogFile>,
    follow: Option<Follow>,
    sieve: Sieve,
    /// Bytes read after the last line feed.
    rest: Vec<u8>,
    /// Where the first byte of `rest` lies.
    offset: u64,
}

impl Reader {
    pub(super) async fn open(
        shared: &Arc<Shared>,
        instance: Instance,
        resumed: Option<Place>,
        tail_lines: Option<i64>,
        filter: Filter,
        follow: bool,
    ) -> Result<Self> {
        let reference = instance.pod.reference();
        let path = shared
            .streams
            .log_file(&reference, &instance.container, instance.attempt);
        // Before the file is looked at: what is written afterwards is told.
        let follow = follow.then(|| Follow::new(shared, instance.clone(), &path));
        let file = LogFile::open(&path).await.map_err(|error| broken(&error))?;
        if file.is_none() && resumed.is_some() {
            return Err(ApiError::LogNotFound(place(
                &instance.pod,
                &instance.container,
            )));
        }
        let offset = match &file {
            Some(file) => begin(file, resumed, tail_lines)
                .await
                .map_err(|e| broken(&e))?,
            None => 0,
        };
        Ok(Self {
            shared: Arc::clone(shared),
            instance,
            file,
            follow,
            sieve: Sieve::new(filter),
            rest: Vec::new(),
            offset,
        })
    }

    pub(super) fn into_stream(
        self,
    ) -> impl Stream<Item = std::result::Result<ReadLogsResponse, Status>> + Send {
        futures::stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(message)) => Some((Ok(message), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        })
    }

    /// The next message; none at the end.
    async fn next(&mut self) -> Result<Option<ReadLogsResponse>> {
        let mut entries = Vec::new();
        loop {
            if self.sieve.is_full() {
                return Ok(self.message(entries));
            }
            // In this order: what was written before the end is read after it.
            let ended = self.follow.as_ref().is_none_or(Follow::has_ended);
            let grew = self.read(&mut entries).await.map_err(|e| broken(&e))?;
            let size: usize = entries
                .iter()
                .map(|entry: &LogEntry| entry.data.len())
                .sum();
            if size >= MESSAGE || (!grew && !entries.is_empty()) {
                return Ok(self.message(entries));
            }
            if grew {
                continue;
            }
            match &mut self.follow {
                Some(follow) if !ended => follow.changed(&self.shared).await?,
                _ => return Ok(None),
            }
        }
    }

    fn message(&self, entries: Vec<LogEntry>) -> Option<ReadLogsResponse> {
        let inode = self.file.as_ref()?.inode;
        let position = Place {
            attempt: self.instance.attempt,
            inode,
            offset: self.offset,
        };
        (!entries.is_empty()).then(|| ReadLogsResponse {
            entries,
            position: position.to_string(),
        })
    }

    /// Reads one block and takes its lines; false when there is nothing more now.
    async fn read(&mut self, entries: &mut Vec<LogEntry>) -> io::Result<bool> {
        let Some(file) = &self.file else {
            return self.look_for_file().await;
        };
        let block = file.read_at(self.offset + self.rest.len() as u64).await?;
        if block.is_empty() {
            return self.move_on().await;
        }
        self.rest.extend_from_slice(&block);
        self.take_lines(entries);
        Ok(true)
    }

    async fn look_for_file(&mut self) -> io::Result<bool> {
        let reference = self.instance.pod.reference();
        let (container, attempt) = (&self.instance.container, self.instance.attempt);
        let path = self.shared.streams.log_file(&reference, container, attempt);
        self.file = LogFile::open(&path).await?;
        Ok(self.file.is_some())
    }

    /// At the end of the file: goes on with the one that has taken its place.
    async fn move_on(&mut self) -> io::Result<bool> {
        let Some(file) = &self.file else {
            return Ok(false);
        };
        let Some(successor) = file.successor().await? else {
            return Ok(false);
        };
        // Written between our last look and the rotation; after it nothing is.
        let read = self.offset + self.rest.len() as u64;
        if file.len().await? > read {
            return Ok(true);
        }
        self.file = Some(successor);
        self.rest.clear();
        self.offset = 0;
        Ok(true)
    }

    fn take_lines(&mut self, entries: &mut Vec<LogEntry>) {
        let mut begin = 0;
        while let Some(length) = self.rest[begin..].iter().position(|byte| *byte == b'\n') {
            if self.sieve.is_full() {
                break;
            }
            if let Some(line) = cri::parse(&self.rest[begin..begin + length]) {
                entries.extend(self.sieve.entry(&line));
            }
            begin += length + 1;
        }
        if self.rest.len() - begin > MAX_LINE {
            begin = self.rest.len();
        }
        self.rest.drain(..begin);
        self.offset += begin as u64;
    }
}

/// Where reading begins.
async fn begin(file: &LogFile, resumed: Option<Place>, tail: Option<i64>) -> io::Result<u64> {
    match (resumed, tail.and_then(|lines| u64::try_from(lines).ok())) {
        (Some(place), _) if place.inode == file.inode => Ok(place.offset),
        // The file of that place was rotated away: go on with the one after it.
        (Some(_), _) | (None, None) => Ok(0),
        (None, Some(lines)) => tail::start_of(file, lines).await,
    }
}

fn broken(error: &io::Error) -> ApiError {
    ApiError::RuntimeUnavailable {
        detail: format!("the log cannot be read: {error}"),
    }
}
