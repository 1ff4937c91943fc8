//! The client: one connection, shared by all its handles.

use std::{fmt, sync::Arc, time::Duration};

use tonic::transport::{Channel, Endpoint as Transport};

use crate::{Endpoint, Error, Images, Pods, Result, RetryPolicy};

/// Namespace meant when none is named.
const DEFAULT_NAMESPACE: &str = "default";
/// A message may carry a whole page of pods.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is probed, so that a watch notices a dead server.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// A client of one server. Cheap to clone; clones share the connection, which is made again by itself when it is lost.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    channel: Channel,
    endpoint: Endpoint,
    deadline: Duration,
    retry: RetryPolicy,
}

impl Client {
    /// Connects to the server at `endpoint`, see [`Endpoint`].
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`] when the text is none, [`Error::Unreachable`] when nobody answers there.
    pub async fn connect(endpoint: impl AsRef<str>) -> Result<Self> {
        Self::builder(endpoint.as_ref().parse()?).connect().await
    }

    /// Connects to the server named by the environment, see [`Endpoint::from_env`].
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn from_env() -> Result<Self> {
        Self::builder(Endpoint::from_env()?).connect().await
    }

    /// Starts to configure a client.
    #[must_use]
    pub fn builder(endpoint: Endpoint) -> ClientBuilder {
        ClientBuilder {
            endpoint,
            deadline: DEFAULT_DEADLINE,
            retry: RetryPolicy::default(),
        }
    }

    /// The server's endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// The pods of one namespace; empty means `default`.
    #[must_use]
    pub fn pods(&self, namespace: impl Into<String>) -> Pods {
        let namespace = namespace.into();
        let namespace = if namespace.is_empty() {
            DEFAULT_NAMESPACE.to_owned()
        } else {
            namespace
        };
        Pods::new(self.clone(), Some(namespace))
    }

    /// The pods of all namespaces, for lists, watches and history. Calls on one pod by name take the namespace
    /// `default`.
    #[must_use]
    pub fn all_pods(&self) -> Pods {
        Pods::new(self.clone(), None)
    }

    /// The images on the server's machine.
    #[must_use]
    pub fn images(&self) -> Images {
        Images::new(self.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.inner.channel.clone()
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.inner.deadline
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.inner.retry
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint)
            .finish_non_exhaustive()
    }
}

/// Configures a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    endpoint: Endpoint,
    deadline: Duration,
    retry: RetryPolicy,
}

impl ClientBuilder {
    /// Longest time one attempt of a call may take, streams excepted. Default 30 s.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// When calls are repeated.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Connects now.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody answers.
    pub async fn connect(self) -> Result<Client> {
        let channel = self
            .transport()?
            .connect()
            .await
            .map_err(|error| unreached(&error))?;
        Ok(self.finish(channel))
    }

    /// Connects with the first call. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`] when the endpoint cannot be written as a URI.
    pub fn connect_lazy(self) -> Result<Client> {
        let channel = self.transport()?.connect_lazy();
        Ok(self.finish(channel))
    }

    fn transport(&self) -> Result<Transport> {
        let invalid = |_| Error::InvalidEndpoint {
            endpoint: self.endpoint.to_string(),
            detail: "it cannot be written as a URI",
        };
        let transport = Transport::from_shared(self.endpoint.to_string()).map_err(invalid)?;
        Ok(transport
            .user_agent(concat!("lifepod-client/", env!("CARGO_PKG_VERSION")))
            .map_err(invalid)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true))
    }

    fn finish(self, channel: Channel) -> Client {
        Client {
            inner: Arc::new(Inner {
                channel,
                endpoint: self.endpoint,
                deadline: self.deadline,
                retry: self.retry,
            }),
        }
    }
}

fn unreached(error: &tonic::transport::Error) -> Error {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    Error::Unreachable {
        detail: innermost.to_string(),
    }
}

/// Size limits of a generated client.
macro_rules! sized {
    ($client:expr) => {
        $client
            .max_decoding_message_size($crate::connect::max_message_bytes())
            .max_encoding_message_size($crate::connect::max_message_bytes())
    };
}
pub(crate) use sized;

pub(crate) const fn max_message_bytes() -> usize {
    MAX_MESSAGE_BYTES
}
