//! HTTP clients, one per kind of transport, shared by all pulls.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Certificate, Client, ClientBuilder};

use super::endpoint::{Endpoint, is_loopback};
use super::failure::Failure;

const USER_AGENT: &str = concat!("lifepod/", env!("CARGO_PKG_VERSION"));

/// Makes clients when they are first needed, because loading the system's certificates takes time and memory.
pub(crate) struct Clients {
    connect_timeout: Duration,
    idle_timeout: Duration,
    made: Mutex<HashMap<Transport, Client>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Transport {
    https_only: bool,
    /// A proxy's loopback is another machine's.
    bypass_proxy: bool,
    skip_tls_verify: bool,
    ca_file: Option<PathBuf>,
}

impl Clients {
    pub(crate) fn new(connect_timeout: Duration, idle_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            idle_timeout,
            made: Mutex::default(),
        }
    }

    pub(super) fn client(&self, endpoint: &Endpoint) -> Result<Client, Failure> {
        let transport = Transport {
            // Neither a redirect nor a token service may lead from TLS into the open.
            https_only: endpoint.base.scheme() == "https",
            bypass_proxy: is_loopback(&endpoint.base),
            skip_tls_verify: endpoint.skip_tls_verify,
            ca_file: endpoint.ca_file.clone(),
        };
        let mut made = self.made.lock();
        if let Some(client) = made.get(&transport) {
            return Ok(client.clone());
        }
        let client = self.make(&transport)?;
        made.insert(transport, client.clone());
        Ok(client)
    }

    fn make(&self, transport: &Transport) -> Result<Client, Failure> {
        choose_crypto();
        let builder = || -> Result<ClientBuilder, Failure> {
            let mut builder = Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(self.connect_timeout)
                .read_timeout(self.idle_timeout)
                .https_only(transport.https_only)
                .tls_danger_accept_invalid_certs(transport.skip_tls_verify);
            if transport.bypass_proxy {
                builder = builder.no_proxy();
            }
            if let Some(path) = &transport.ca_file {
                let unusable = |error: &dyn ToString| {
                    unusable(&format!("CA file `{}`", path.display()), error)
                };
                let pem = fs::read(path).map_err(|error| unusable(&error))?;
                let certificates =
                    Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
                builder = builder.tls_certs_merge(certificates);
            }
            Ok(builder)
        };
        let client = builder()?.build();
        if client.is_err() && !transport.https_only {
            // A machine without certificates can still use plain HTTP.
            let without_roots = builder()?.tls_certs_only([]).build();
            return without_roots.map_err(|error| unusable("HTTP client", &error));
        }
        client.map_err(|error| unusable("TLS", &error))
    }
}

fn unusable(what: &str, error: &dyn ToString) -> Failure {
    Failure::Unavailable(format!("{what}: {}", error.to_string()))
}

/// The process may have chosen a TLS provider already; otherwise it gets ring, which needs only a C compiler.
pub(crate) fn choose_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let ring = rustls::crypto::ring::default_provider();
        // Another thread may win the race, with a choice just as good.
        let _: Result<(), Arc<_>> = ring.install_default();
    }
}
