//! All services together, and their end.

use std::{sync::Arc, time::Duration};

use lifepod_engine::EngineHandle;
use lifepod_lifecycle::port::{Images, Streams};
use lifepod_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{
        exec_service_server::ExecServiceServer, image_service_server::ImageServiceServer,
        log_service_server::LogServiceServer, system_service_server::SystemServiceServer,
    },
};
use tonic::{
    service::Routes,
    transport::{Server, server},
};
use tonic_health::pb::{FILE_DESCRIPTOR_SET as HEALTH, health_server::HealthServer};
use tower::layer::util::{Identity, Stack};

use crate::{
    config::ApiConfig, edge::EdgeLayer, exec::Execs, health::Health, image::ImagesOf, logs::Logs,
    pod::PodRoutes, shared::Shared, system::System,
};

/// How long a connection may be silent before it is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// All services behind the edge, ready to serve connections.
pub type Router = server::Router<Stack<EdgeLayer, Identity>>;

/// The services of one engine.
pub struct Api {
    shared: Arc<Shared>,
    edge: EdgeLayer,
}

impl Api {
    /// Services for an engine and its runtime's images and streams.
    #[must_use]
    pub fn new(
        engine: EngineHandle,
        images: Arc<dyn Images>,
        streams: Arc<dyn Streams>,
        config: ApiConfig,
    ) -> Self {
        let edge = EdgeLayer::new(&config.limits);
        let shared = Arc::new(Shared::new(engine, images, streams, config));
        Self { shared, edge }
    }

    /// A server of all services; every one made of one `Api` shares its state and bounds.
    #[must_use]
    pub fn router(&self) -> Router {
        let limits = &self.shared.config.limits;
        Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(limits.streams_per_connection)
            .layer(self.edge.clone())
            .add_routes(self.routes())
    }

    fn routes(&self) -> Routes {
        let bound = self.shared.config.limits.message_bytes;
        let shared = || Arc::clone(&self.shared);
        let mut routes = Routes::builder();
        routes
            .add_service(PodRoutes::new(&self.shared))
            .add_service(ExecServiceServer::new(Execs(shared())).max_decoding_message_size(bound))
            .add_service(LogServiceServer::new(Logs(shared())).max_decoding_message_size(bound))
            .add_service(
                ImageServiceServer::new(ImagesOf(shared())).max_decoding_message_size(bound),
            )
            .add_service(SystemServiceServer::new(System(shared())))
            .add_service(HealthServer::new(Health(shared())));
        // Tools ask for either version.
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(HEALTH)
        };
        match described().build_v1() {
            Ok(service) => _ = routes.add_service(service),
            Err(error) => tracing::error!(%error, "no reflection"),
        }
        match described().build_v1alpha() {
            Ok(service) => _ = routes.add_service(service),
            Err(error) => tracing::error!(%error, "no reflection of the older version"),
        }
        routes.clone().routes()
    }

    /// Begins to go down: health says so, nothing new is taken, every stream ends with
    /// `SERVER_DRAINING`.
    pub fn drain(&self) {
        self.shared.drain.cancel();
    }

    /// Waits for the services' own work to end, after [`Api::drain`].
    pub async fn shutdown(self) {
        self.drain();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
