use std::env;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, ProtocolVersion, RedisError, RedisResult,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::driver::{Link, start};
use crate::script::Protocol;

/// A Redis or Valkey server that keeps limits.
///
/// All fleets of one `Server` and its clones share one connection and one background thread. The thread has its own
/// runtime, so leases are renewed even while the executor of the application is blocked or gone.
#[derive(Clone)]
pub struct Server {
    handle: Arc<Handle>,
}

/// What servers, fleets and leases keep alive, unlike the driver.
pub(crate) struct Handle(Arc<Link>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How to use a [`Server`]. Every process that shares a limit must use the same namespace and the same longest lease.
#[derive(Debug)]
pub struct Options {
    source: Source,
    namespace: String,
    process: String,
    longest_lease: Duration,
}

impl Options {
    fn new(source: Source) -> Self {
        let program = env::args_os().next().unwrap_or_default();
        let process = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { source, namespace: "fairgate".to_owned(), process, longest_lease: Duration::from_secs(10) }
    }

    /// Keeps the limits apart from those of other namespaces of the same server. `fairgate` by default.
    ///
    /// All keys of the server start with the namespace in braces, so a cluster keeps them on one node.
    ///
    /// # Panics
    ///
    /// If it is empty or contains a brace.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        assert!(!namespace.is_empty() && !namespace.contains(['{', '}']), "not a namespace: {namespace:?}");
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// The name of this process in [`Status`](crate::Status). The name of the program by default.
    #[must_use]
    pub fn process(mut self, name: &str) -> Self {
        name.clone_into(&mut self.process);
        self
    }

    /// The longest lease that a fleet of this namespace may have: 10 seconds by default.
    ///
    /// After a restart or a failover the server grants nothing for this long, because it may not know all holders.
    /// It is part of the namespace: processes with different longest leases do not share limits.
    ///
    /// # Panics
    ///
    /// If it is shorter than 100 ms or longer than a day.
    #[must_use]
    pub fn longest_lease(mut self, lease: Duration) -> Self {
        let bounds = SHORTEST..=Duration::from_secs(24 * 3600);
        assert!(bounds.contains(&lease), "a lease of 100 ms to a day, not {lease:?}");
        self.longest_lease = lease;
        self
    }

    /// Another address of the same server or cluster, to try when the one before cannot be reached.
    #[must_use]
    pub fn seed(mut self, client: Client) -> Self {
        #[cfg_attr(not(feature = "sentinel"), expect(irrefutable_let_patterns, reason = "the only source"))]
        if let Source::Clients(clients) = &mut self.source {
            clients.push(client);
        }
        self
    }

    /// Starts the background thread. It connects when the first permit is wanted.
    ///
    /// # Panics
    ///
    /// If the operating system starts no thread.
    #[must_use]
    pub fn start(self) -> Server {
        // Two hashers, each with random keys.
        let [a, b] = [(); 2].map(|()| RandomState::new().hash_one(std::process::id()));
        let name: String =
            self.process.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let process = format!("{name}-{a:08x}{b:08x}");
        // The longest lease is part of the name, because it decides how long a loss of the state stops the grants.
        let namespace = format!("{}:{}", self.namespace, self.longest_lease.as_millis());
        let link = Arc::new(Link::new(self.source, Protocol::new(&namespace, process, self.longest_lease)));
        start(Arc::clone(&link));
        Server { handle: Arc::new(Handle(link)) }
    }
}

/// The shortest lease.
pub(crate) const SHORTEST: Duration = Duration::from_millis(100);

impl Server {
    /// The server of `client`, with the default [`Options`].
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::options(client).start()
    }

    /// The server or cluster of `client`.
    #[must_use]
    pub fn options(client: Client) -> Options {
        Options::new(Source::Clients(vec![client]))
    }

    /// The primary that sentinels name.
    #[cfg(feature = "sentinel")]
    #[must_use]
    pub fn sentinel(client: redis::sentinel::SentinelClient) -> Options {
        Options::new(Source::Sentinel(Box::new(tokio::sync::Mutex::new(client))))
    }

    /// Why the last attempt to use the server failed, or `None` while the connection works or none was needed.
    #[must_use]
    pub fn connection_error(&self) -> Option<RedisError> {
        self.link().trouble()
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.handle.0
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connection_error", &self.connection_error()).finish_non_exhaustive()
    }
}

/// Where the server is.
pub(crate) enum Source {
    /// The addresses, of which the one at the front is tried next.
    Clients(Vec<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Box<tokio::sync::Mutex<redis::sentinel::SentinelClient>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients(clients) => f.debug_tuple("Clients").field(clients).finish(),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(_) => f.debug_tuple("Sentinel").finish_non_exhaustive(),
        }
    }
}

impl Source {
    /// Connects to the address of this attempt, or to the node that a cluster has named. Returns the address, too.
    pub(crate) async fn connect(
        &self,
        attempt: usize,
        node: Option<&Node>,
        pushes: UnboundedSender<redis::PushInfo>,
        patience: Duration,
    ) -> RedisResult<(MultiplexedConnection, String)> {
        let info = match self {
            Self::Clients(clients) => clients[attempt % clients.len()].get_connection_info().clone(),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => {
                client.lock().await.async_get_client().await?.get_connection_info().clone()
            }
        };
        // RESP3 carries the server's messages on the connection of the answers, in their order.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp: TcpSettings = info.tcp_settings().clone().set_nodelay(true);
        let mut info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        if let Some(node) = node {
            let addr = node.replace(info.addr());
            info = info.set_addr(addr);
        }
        let address = info.addr().to_string();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience))
            .set_push_sender(pushes);
        let connection = Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?;
        Ok((connection, address))
    }
}

/// The node of a cluster that serves the namespace.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    host: String,
    port: u16,
}

impl Node {
    /// The node that an answer `MOVED` names.
    pub(crate) fn of(error: &RedisError) -> Option<Self> {
        let (address, _slot) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }

    /// The address of this node, reached in the way of another one.
    fn replace(&self, seed: &ConnectionAddr) -> ConnectionAddr {
        let host_or = |host: &str| if self.host.is_empty() { host.to_owned() } else { self.host.clone() };
        match seed {
            ConnectionAddr::Tcp(host, _) => ConnectionAddr::Tcp(host_or(host), self.port),
            ConnectionAddr::TcpTls { host, insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host_or(host),
                port: self.port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(self.host.clone(), self.port),
        }
    }
}

/// The server's policy if it may evict keys.
pub(crate) async fn eviction_policy(connection: &mut MultiplexedConnection) -> RedisResult<Option<String>> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(connection).await?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    match policy {
        None => Err((ErrorKind::UnexpectedReturnType, "INFO memory names no maxmemory_policy").into()),
        Some("noeviction") => Ok(None),
        Some(policy) => Ok(Some(policy.to_owned())),
    }
}
