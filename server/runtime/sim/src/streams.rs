//! Streams of simulated containers: log files. Nothing runs that exec or attach could talk to.

use std::path::PathBuf;

use lifepod_lifecycle::{
    effect::PodRef,
    port::{BoxFuture, ExecRequest, ExecSession, StreamError, Streams},
};

use crate::{SimRuntime, log};

impl SimRuntime {
    fn refuse(&self, pod: &PodRef, request: ExecRequest, what: &'static str) -> StreamError {
        let slot = (request.container, request.attempt);
        let runs = self.shared.world.lock().running(&pod.uid, &slot).is_some();
        if runs {
            StreamError::Unsupported { what }
        } else {
            StreamError::NotRunning { container: slot.0 }
        }
    }
}

impl Streams for SimRuntime {
    fn exec<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async move { Err(self.refuse(pod, request, "exec")) })
    }

    fn attach<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async move { Err(self.refuse(pod, request, "attach")) })
    }

    fn log_file(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
        log::file(&self.shared.log_root, pod, container, attempt)
    }
}
