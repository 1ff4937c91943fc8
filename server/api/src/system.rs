//! The System service.

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{id::Revision, validate::Violations};
use lifepod_proto::v1::{self as proto, system_service_server::SystemService};
use tonic::{Request, Response, Status};

use crate::{
    convert::time::{duration, duration_from, exact},
    error::{ApiError, Result as ApiResult},
    pod::MAX_PAGE,
    served::{ADVANCE_TIME, capabilities},
    shared::Shared,
};

/// Optional abilities, by name.
const FEATURES: [&str; 5] = [
    "exec-keep",
    "init-containers",
    "sidecar-containers",
    "restart-policy-rules",
    "host-network",
];

/// Serves `lifepod.v1.SystemService`.
pub(crate) struct System(pub Arc<Shared>);

#[tonic::async_trait]
impl SystemService for System {
    async fn get_server_info(
        &self,
        _request: Request<proto::GetServerInfoRequest>,
    ) -> Result<Response<proto::GetServerInfoResponse>, Status> {
        let shared = &self.0;
        let about = &shared.config.about;
        let runtime = shared.engine.runtime_info();
        Ok(Response::new(proto::GetServerInfoResponse {
            version: about.version.clone(),
            git_commit: about.git_commit.clone(),
            epoch: shared.engine.epoch().to_owned(),
            revision: shared.engine.revision().0,
            oldest_revision: shared.oldest_revision().0,
            node_name: shared.engine.node().to_string(),
            node_ips: shared.face.node_ips.clone(),
            started_at: Some(exact(shared.started_at)),
            runtime: Some(proto::RuntimeInfo {
                name: about.runtime.clone(),
                version: runtime.version.clone(),
                cgroup_version: about.cgroup_version,
                kernel: about.kernel.clone(),
            }),
            rpcs: capabilities(shared.config.stepping.is_some()),
            features: FEATURES.map(str::to_owned).to_vec(),
            limits: Some(limits(shared)),
        }))
    }

    async fn advance_time(
        &self,
        request: Request<proto::AdvanceTimeRequest>,
    ) -> Result<Response<proto::AdvanceTimeResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(self.advance(&request).await?))
    }
}

/// No step of time is longer: ten years.
const LONGEST_STEP: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl System {
    async fn advance(
        &self,
        request: &proto::AdvanceTimeRequest,
    ) -> ApiResult<proto::AdvanceTimeResponse> {
        let stepping = self.0.config.stepping.as_ref();
        let stepping = stepping.ok_or_else(|| ApiError::NotServed {
            rpc: ADVANCE_TIME.to_owned(),
        })?;
        self.0.check_open()?;
        let by = step(request.by.as_ref())?;
        let past = (request.stop_after_revision > 0).then_some(request.stop_after_revision);
        let now = stepping.advance(by, past.map(Revision)).await;
        Ok(proto::AdvanceTimeResponse {
            now: Some(exact(now.ok_or(ApiError::Draining)?)),
            revision: self.0.engine.revision().0,
        })
    }
}

fn step(given: Option<&prost_types::Duration>) -> ApiResult<Duration> {
    let Some(given) = given else {
        return Ok(Duration::ZERO);
    };
    let by = duration_from(given).filter(|by| *by <= LONGEST_STEP);
    by.ok_or_else(|| {
        let mut violations = Violations::default();
        let text = format!("{}s", given.seconds);
        violations.invalid("by", text, "must be between 0s and ten years, inclusive");
        ApiError::fields("AdvanceTimeRequest", violations)
    })
}

fn limits(shared: &Shared) -> proto::ServerLimits {
    let limits = &shared.config.limits;
    let int = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let long = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let age = Some(limits.history_age).filter(|age| !age.is_zero());
    proto::ServerLimits {
        max_pods: 0,
        max_message_bytes: long(limits.message_bytes),
        max_queued_mutations: int(limits.queued_mutations),
        max_streams_per_connection: i32::try_from(limits.streams_per_connection)
            .unwrap_or(i32::MAX),
        max_calls_per_client: int(limits.calls_per_client),
        max_page_size: MAX_PAGE,
        request_id_window: Some(duration(limits.request_window)),
        exec_buffer_bytes: long(limits.exec_buffer_bytes),
        history_max_age: age.map(duration),
    }
}
