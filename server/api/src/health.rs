//! `grpc.health.v1`: serving until the drain begins. Our own, because a health watch must end
//! with the other streams when the server goes down.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health as HealthService,
};

use crate::{error::ApiError, served, shared::Shared};

/// Serves `grpc.health.v1.Health`.
pub(crate) struct Health(pub Arc<Shared>);

type Reply<T> = Result<Response<T>, Status>;
type Watch = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

impl Health {
    fn status(&self, service: &str) -> Option<ServingStatus> {
        let known = service.is_empty() || served::has_service(service);
        let status = if self.0.drain.is_cancelled() {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        };
        known.then_some(status)
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl HealthService for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Reply<HealthCheckResponse> {
        let service = &request.get_ref().service;
        match self.status(service) {
            Some(status) => Ok(Response::new(response(status))),
            None => Err(ApiError::ServiceUnknown(service.clone()).into()),
        }
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Reply<Watch> {
        let service = &request.get_ref().service;
        let first = self
            .status(service)
            .unwrap_or(ServingStatus::ServiceUnknown);
        let drain = self.0.drain.clone();
        let down = async move {
            drain.cancelled().await;
            Ok(response(ServingStatus::NotServing))
        };
        let end = async { Err(ApiError::Draining.into()) };
        let told = stream::iter([Ok(response(first))]);
        let told = told.chain(stream::once(down)).chain(stream::once(end));
        Ok(Response::new(Box::pin(told)))
    }
}
