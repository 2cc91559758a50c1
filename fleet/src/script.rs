//! The messages of `fleet.lua`: what is sent, what it answers, and what it publishes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Script, Value, cmd, from_redis_value};

/// The script, and what all keys of one namespace share.
#[derive(Debug)]
pub(crate) struct Protocol {
    script: Script,
    /// Starts each key and channel. The braces make a cluster keep all keys of the namespace in one slot.
    prefix: String,
    /// Names this process among all that use the namespace.
    pub(crate) process: String,
    pub(crate) longest: Duration,
}

/// One request to the script: everything that a fleet has to say.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) permits: usize,
    pub(crate) version: u64,
    pub(crate) lease: Duration,
    pub(crate) received: u64,
    pub(crate) wanted: usize,
    pub(crate) weight: usize,
    pub(crate) at_once: bool,
    pub(crate) beat: u64,
    pub(crate) ticket: u64,
    pub(crate) releases: &'a [u64],
    pub(crate) renewals: &'a [u64],
}

/// What the script answers to a sync.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) epoch: u64,
    pub(crate) last: u64,
    pub(crate) permits: usize,
    pub(crate) version: u64,
    /// 0 if the request is not queued.
    pub(crate) ticket: u64,
    pub(crate) retry_after: Duration,
    /// Token and permits of each grant that was not acknowledged.
    pub(crate) grants: Vec<(u64, usize)>,
    pub(crate) released: Vec<bool>,
    pub(crate) renewed: Vec<bool>,
}

/// What the script publishes to a process that it granted permits.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// Which of the process's fleets this is for.
    pub(crate) index: u64,
    /// The newest sync that the server had received before it granted.
    pub(crate) beat: u64,
    pub(crate) ticket: u64,
    /// The token of the grant before these.
    pub(crate) previous: u64,
    pub(crate) grants: Vec<(u64, usize)>,
}

/// What the script answers to a request for the status.
#[derive(Debug)]
pub(crate) struct RawStatus {
    pub(crate) permits: usize,
    pub(crate) version: u64,
    pub(crate) held: usize,
    pub(crate) pause: Duration,
    /// Process and age of each permit held.
    pub(crate) holders: Vec<(String, Duration)>,
    /// Process and permits wanted of each waiter.
    pub(crate) waiters: Vec<(String, usize)>,
}

impl Protocol {
    pub(crate) fn new(namespace: &str, process: String, longest: Duration) -> Self {
        let script = Script::new(include_str!("fleet.lua"));
        Self { script, prefix: format!("{{{namespace}}}"), process, longest }
    }

    /// The channel on which the server tells this process of its grants.
    pub(crate) fn channel(&self) -> String {
        format!("{}{}", self.prefix, self.process)
    }

    pub(crate) async fn load(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        self.script.load_async(connection).await.map(drop)
    }

    fn command(&self, operation: &str, key: &str, index: u64, epoch: u64, seen: u64) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(self.script.get_hash()).arg(6).arg(format!("{}server", self.prefix));
        for part in ["limit", "holders", "queue", "entries", "alive"] {
            command.arg(format!("{}{part}:{key}", self.prefix));
        }
        command.arg(operation).arg(format!("{}#{index}", self.process)).arg(&self.prefix);
        command.arg(epoch).arg(seen).arg(self.longest.as_micros() as u64);
        command
    }

    pub(crate) fn sync(&self, key: &str, index: u64, epoch: u64, seen: u64, request: &Request<'_>) -> Cmd {
        let mut command = self.command("sync", key, index, epoch, seen);
        command.arg(request.permits).arg(request.version).arg(request.lease.as_micros() as u64);
        command.arg(request.received).arg(request.wanted).arg(request.weight).arg(request.beat);
        command.arg(request.ticket).arg(u8::from(request.at_once));
        command.arg(request.releases.len()).arg(request.releases).arg(request.renewals);
        command
    }

    pub(crate) fn status(&self, key: &str, index: u64, epoch: u64, seen: u64) -> Cmd {
        self.command("status", key, index, epoch, seen)
    }
}

fn flags(text: &str) -> Vec<bool> {
    text.bytes().map(|flag| flag == b'1').collect()
}

impl Answer {
    pub(crate) fn parse(value: Value) -> RedisResult<Self> {
        type Raw = (u64, u64, usize, u64, u64, u64, u64, Vec<Vec<u64>>, String, String);
        let (epoch, last, permits, version, _pause, ticket, retry_after, grants, released, renewed): Raw =
            from_redis_value(value)?;
        Ok(Self {
            epoch,
            last,
            permits,
            version,
            ticket,
            retry_after: Duration::from_micros(retry_after),
            grants: grants.iter().map(|grant| (grant[0], grant[1] as usize)).collect(),
            released: flags(&released),
            renewed: flags(&renewed),
        })
    }
}

impl Message {
    /// `None` if the message is not one of the script's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words: Option<Vec<u64>> = text.split(' ').map(|word| word.parse().ok()).collect();
        let words = words?;
        let [index, beat, ticket, previous, grants @ ..] = &words[..] else { return None };
        let (index, beat, ticket, previous) = (*index, *beat, *ticket, *previous);
        let grants = grants.chunks_exact(2).map(|grant| (grant[0], grant[1] as usize)).collect();
        Some(Self { index, beat, ticket, previous, grants })
    }
}

impl RawStatus {
    pub(crate) fn parse(value: Value) -> RedisResult<Self> {
        type Raw = (usize, u64, usize, u64, Vec<Value>, Vec<Value>);
        let (permits, version, held, pause, holders, waiters): Raw = from_redis_value(value)?;
        let pair = |value| from_redis_value::<(String, u64)>(value);
        let holders: Result<Vec<_>, _> = holders.into_iter().map(pair).collect();
        let waiters: Result<Vec<_>, _> = waiters.into_iter().map(pair).collect();
        Ok(Self {
            permits,
            version,
            held,
            pause: Duration::from_micros(pause),
            holders: holders?.into_iter().map(|(name, age)| (name, Duration::from_micros(age))).collect(),
            waiters: waiters?.into_iter().map(|(name, permits)| (name, permits as usize)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_fleet_and_its_grants() {
        let message =
            Message { index: 3, beat: 7, ticket: 0, previous: 90, grants: vec![(91, 1), (92, 4)] };
        assert_eq!(Message::parse("3 7 0 90 91 1 92 4"), Some(message));
        assert_eq!(Message::parse("something else"), None);
        assert_eq!(Message::parse(""), None);
    }
}
