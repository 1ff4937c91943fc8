//! What all services share.

use std::{sync::Arc, time::Instant};

use lifepod_engine::EngineHandle;
use lifepod_lifecycle::{
    Pod,
    id::{PodKey, Revision},
    port::{Images, Streams},
    time::Timestamp,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::ApiConfig,
    convert::{meta::Face, time::now},
    error::{ApiError, Result},
    exec::Registry,
    pod::{Channels, Cuts, Encoder},
    token::Tokens,
};

/// Reads of the past at a time; more of them wait.
const PAST_READS: usize = 2;

pub(crate) struct Shared {
    pub engine: EngineHandle,
    pub images: Arc<dyn Images>,
    pub streams: Arc<dyn Streams>,
    pub config: ApiConfig,
    pub tokens: Tokens,
    pub face: Face,
    pub frames: Encoder,
    pub channels: Channels,
    pub cuts: Cuts,
    pub past_reads: Arc<Semaphore>,
    pub execs: Registry,
    pub started_at: Timestamp,
    /// Cancelled when the server goes down: streams end, mutations are refused.
    pub drain: CancellationToken,
    /// Work that must end before the process does.
    pub tasks: TaskTracker,
}

impl Shared {
    pub(crate) fn new(
        engine: EngineHandle,
        images: Arc<dyn Images>,
        streams: Arc<dyn Streams>,
        config: ApiConfig,
    ) -> Self {
        let ips = config.about.node_ips.iter();
        let face = Face {
            node_ips: ips.map(ToString::to_string).collect(),
        };
        let tokens = Tokens::new(engine.epoch());
        Self {
            frames: Encoder::new(face.clone(), tokens.clone()),
            channels: Channels::default(),
            tokens,
            face,
            cuts: Cuts::new(Instant::now),
            past_reads: Arc::new(Semaphore::new(PAST_READS)),
            execs: Registry::default(),
            started_at: now(),
            drain: CancellationToken::new(),
            tasks: TaskTracker::new(),
            engine,
            images,
            streams,
            config,
        }
    }

    /// # Errors
    /// `SERVER_DRAINING` when nothing new may begin.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.drain.is_cancelled() {
            return Err(ApiError::Draining);
        }
        Ok(())
    }

    /// A pod that clients see.
    ///
    /// # Errors
    /// `POD_NOT_FOUND`.
    pub(crate) fn pod(&self, key: &PodKey) -> Result<Arc<Pod>> {
        let found = self.engine.get(key);
        found.ok_or_else(|| ApiError::PodNotFound(key.clone()))
    }

    /// A pod and the newest revision up to which it is unchanged: a watch from there sees
    /// every later change of it and none that the pod already shows.
    pub(crate) fn pod_and_position(&self, key: &PodKey) -> (Option<Arc<Pod>>, Revision) {
        // In this order: what is committed in between makes the pod newer than `seen`.
        let seen = self.engine.revision();
        let pod = self.engine.get(key);
        let position = pod.as_ref().map_or(seen, |pod| pod.revision.max(seen));
        (pod, position)
    }

    /// Oldest revision whose record can still be read.
    pub(crate) fn oldest_revision(&self) -> Revision {
        self.engine.oldest().next()
    }
}
