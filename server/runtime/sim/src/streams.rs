//! Streams of simulated containers: commands, attaching, log files.

use std::path::PathBuf;

use lifepod_lifecycle::{
    effect::PodRef,
    port::{BoxFuture, ExecRequest, ExecSession, StreamError, Streams},
};

use tokio_util::sync::CancellationToken;

use crate::{SimRuntime, exec, log};

impl SimRuntime {
    /// The end of the container that a request is for, if it runs.
    fn ended(&self, pod: &PodRef, request: &ExecRequest) -> Result<CancellationToken, StreamError> {
        let slot = (request.container.clone(), request.attempt);
        let ended = self
            .shared
            .world
            .lock()
            .running(&pod.uid, &slot)
            .map(|i| i.ended.clone());
        ended.ok_or(StreamError::NotRunning { container: slot.0 })
    }
}

impl Streams for SimRuntime {
    fn exec<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async move {
            let ended = self.ended(pod, &request)?;
            exec::start(&self.shared, pod, &request, ended)
        })
    }

    fn attach<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async move {
            let ended = self.ended(pod, &request)?;
            exec::attach(&self.shared, pod, &request, ended)
        })
    }

    fn log_file(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
        log::file(&self.shared.log_root, pod, container, attempt)
    }
}
