//! The System service.

use std::sync::Arc;

use lifepod_proto::v1::{self as proto, system_service_server::SystemService};
use tonic::{Request, Response, Status};

use crate::{
    convert::time::{duration, exact},
    pod::MAX_PAGE,
    served::capabilities,
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
            rpcs: capabilities().to_vec(),
            features: FEATURES.map(str::to_owned).to_vec(),
            limits: Some(limits(shared)),
        }))
    }
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
        max_page_size: MAX_PAGE,
        request_id_window: Some(duration(limits.request_window)),
        exec_buffer_bytes: long(limits.exec_buffer_bytes),
        history_max_age: age.map(duration),
    }
}
