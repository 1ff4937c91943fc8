//! What containers have written.

use futures::Stream;
use lifepod_proto::v1::{self as proto, log_service_client::LogServiceClient};
use tonic::{Request, Streaming};

use crate::{
    Error, Pods, Result,
    connect::sized,
    error::{Again, decode},
};

/// Which part of a log is wanted. The default is all of the newest instance's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    /// The container; may be empty when the pod has just one.
    pub container: String,
    /// Go on with what is written from now on.
    pub follow: bool,
    /// The instance before the newest.
    pub previous: bool,
    /// Only what was written at or after this time.
    pub since_time: Option<prost_types::Timestamp>,
    /// Only what was written in the last so many seconds.
    pub since_seconds: Option<i64>,
    /// Put the time of writing before each line.
    pub timestamps: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<i64>,
    /// End after so many bytes.
    pub limit_bytes: Option<i64>,
}

/// A log being read. Ask it with [`Logs::next`], or turn it into a [`Stream`] with [`Logs::into_stream`].
#[derive(Debug)]
pub struct Logs {
    pods: Pods,
    request: proto::ReadLogsRequest,
    stream: Streaming<proto::ReadLogsResponse>,
}

impl Pods {
    /// Reads a log. With `follow`, a lost connection is made again and the log goes on where it was.
    ///
    /// # Errors
    /// `CONTAINER_WAITING`, `CONTAINER_REQUIRED`, `POD_NOT_FOUND` and the like.
    pub async fn logs(&self, name: &str, mut options: LogOptions) -> Result<Logs> {
        let request = proto::ReadLogsRequest {
            target: Some(self.container(name, &mut options.container, &mut String::new())),
            follow: options.follow,
            previous: options.previous,
            since_time: options.since_time,
            since_seconds: options.since_seconds,
            timestamps: options.timestamps,
            tail_lines: options.tail_lines,
            limit_bytes: options.limit_bytes,
            ..Default::default()
        };
        Ok(Logs {
            stream: self.open_log(&request).await?,
            pods: self.clone(),
            request,
        })
    }

    async fn open_log(
        &self,
        request: &proto::ReadLogsRequest,
    ) -> Result<Streaming<proto::ReadLogsResponse>> {
        let mut service = sized!(LogServiceClient::new(self.client.channel()));
        let response = service.read_logs(Request::new(request.clone())).await;
        Ok(response.map_err(|status| decode(&status))?.into_inner())
    }
}

impl Logs {
    /// The next entries; `None` at the end of the log.
    ///
    /// # Errors
    /// When the connection is lost and the log cannot be resumed.
    pub async fn next(&mut self) -> Result<Option<Vec<proto::LogEntry>>> {
        loop {
            match self.stream.message().await {
                Ok(None) => return Ok(None),
                Ok(Some(message)) => {
                    if !message.position.is_empty() {
                        self.request.resume_position = message.position;
                    }
                    self.count(&message.entries);
                    if !message.entries.is_empty() {
                        return Ok(Some(message.entries));
                    }
                }
                Err(status) => self.resume(decode(&status)).await?,
            }
        }
    }

    /// As a stream of entries.
    pub fn into_stream(self) -> impl Stream<Item = Result<Vec<proto::LogEntry>>> {
        futures::stream::try_unfold(self, |mut logs| async move {
            Ok(logs.next().await?.map(|entries| (entries, logs)))
        })
    }

    /// What was sent already counts against the limit after a resume, too.
    fn count(&mut self, entries: &[proto::LogEntry]) {
        if let Some(limit) = &mut self.request.limit_bytes {
            let bytes: usize = entries.iter().map(|entry| entry.data.len()).sum();
            *limit = (*limit - i64::try_from(bytes).unwrap_or(i64::MAX)).max(1);
        }
    }

    async fn resume(&mut self, error: Error) -> Result<()> {
        let can_resume = self.request.follow && !self.request.resume_position.is_empty();
        let mut again = Again::after(&error);
        if !can_resume || again == Again::Never {
            return Err(error);
        }
        let mut last = error;
        for attempt in 1..self.pods.client.retry().max_attempts {
            tokio::time::sleep(again.pause(self.pods.client.retry(), attempt)).await;
            match self.pods.open_log(&self.request).await {
                Ok(stream) => {
                    self.stream = stream;
                    return Ok(());
                }
                Err(error) => {
                    again = Again::after(&error);
                    last = error;
                }
            }
            if again == Again::Never {
                break;
            }
        }
        Err(last)
    }
}
