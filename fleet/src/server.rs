//! What is said to the server: one connection for the script, and one that blocks for wake-ups.

use std::pin::Pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind};
use redis::{ScriptInvocation, cmd};

/// The shared state's keys, and the limit that all processes agree on.
#[derive(Debug)]
pub(crate) struct Terms {
    client: Client,
    script: Script,
    /// State, holders, queue, alive.
    keys: [String; 4],
    wake: String,
    /// Names this fleet among all that use the key.
    process: String,
    pub(crate) permits: usize,
    pub(crate) lease: Duration,
}

/// The answer to an acquire.
#[derive(Debug)]
pub(crate) enum Answer {
    Granted { token: u64 },
    Queued { ticket: u64, retry_after: Duration },
    Mismatch { permits: usize, lease: Duration },
}

/// A connection to one run of the server.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    terms: &'a Terms,
    connection: MultiplexedConnection,
    run: String,
}

/// Completes when the server has pushed a wake-up, or after a while without one.
pub(crate) type WakeUp = Pin<Box<dyn Future<Output = RedisResult<()>> + Send>>;

impl Terms {
    pub(crate) fn new(client: Client, key: &str, process: String, permits: usize, lease: Duration) -> Self {
        // The braces make a cluster keep all of them in one slot.
        let key = |part: &str| format!("{{{key}}}:{part}");
        Self {
            client,
            script: Script::new(include_str!("fleet.lua")),
            keys: ["state", "holders", "queue", "alive"].map(key),
            wake: key("wake:"),
            process,
            permits,
            lease,
        }
    }

    /// A response that takes longer counts as a lost connection, early enough for a second try within the lease.
    fn patience(&self) -> Duration {
        self.lease / 4
    }

    async fn connect(&self, response_timeout: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience()))
            .set_response_timeout(Some(response_timeout));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    pub(crate) async fn open_session(&self) -> RedisResult<Session<'_>> {
        let mut connection = self.connect(self.patience()).await?;
        let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        let run = run.ok_or((ErrorKind::UnexpectedReturnType, "INFO server names no run_id"))?;
        Ok(Session { terms: self, run: run.trim().to_owned(), connection })
    }

    pub(crate) async fn open_wake_ups(&self) -> RedisResult<MultiplexedConnection> {
        self.connect(self.heartbeat() + self.patience()).await
    }

    /// How often a waiting process shows that it is alive.
    pub(crate) fn heartbeat(&self) -> Duration {
        self.lease / 3
    }

    pub(crate) fn wake_up(&self, mut connection: MultiplexedConnection) -> WakeUp {
        let mut pop = cmd("BLPOP");
        pop.arg(format!("{}{}", self.wake, self.process)).arg(self.heartbeat().as_secs_f64());
        Box::pin(async move { pop.exec_async(&mut connection).await })
    }
}

impl Session<'_> {
    fn invocation(&self, operation: &str, seen: u64) -> ScriptInvocation<'_> {
        let terms = self.terms;
        let mut invocation = terms.script.prepare_invoke();
        for key in &terms.keys {
            invocation.key(key);
        }
        invocation.arg(&terms.wake).arg(operation).arg(&terms.process).arg(&self.run);
        invocation.arg(terms.permits).arg(terms.lease.as_micros() as u64).arg(seen);
        invocation
    }

    pub(crate) async fn acquire(&self, request: u64, ticket: u64, seen: u64) -> RedisResult<Answer> {
        let mut invocation = self.invocation("acquire", seen);
        let answer: Vec<i64> =
            invocation.arg(request).arg(ticket).invoke_async(&mut self.connection.clone()).await?;
        match answer[..] {
            [1, token] => Ok(Answer::Granted { token: token as u64 }),
            [0, ticket, micros] => Ok(Answer::Queued {
                ticket: ticket as u64,
                retry_after: Duration::from_micros(micros as u64),
            }),
            [-1, permits, micros] => Ok(Answer::Mismatch {
                permits: permits as usize,
                lease: Duration::from_micros(micros as u64),
            }),
            _ => Err((ErrorKind::UnexpectedReturnType, "the script answers something else").into()),
        }
    }

    /// `renew`, `release` or `leave`: whether each of the leases was running.
    pub(crate) async fn apply(
        &self,
        operation: &str,
        requests: &[u64],
        seen: u64,
    ) -> RedisResult<Vec<bool>> {
        self.invocation(operation, seen).arg(requests).invoke_async(&mut self.connection.clone()).await
    }
}

/// Whether the server would refuse again. Everything else is a matter of time.
pub(crate) fn is_permanent(error: &RedisError) -> bool {
    let passing = matches!(error.code(), Some("NOREPLICAS" | "MISCONF" | "BUSY" | "LOADING"));
    match error.kind() {
        _ if passing => false,
        ErrorKind::AuthenticationFailed => true,
        // A primary that was demoted.
        ErrorKind::Server(ServerErrorKind::ReadOnly) => false,
        _ => matches!(error.retry_method(), redis::RetryMethod::NoRetry),
    }
}
