//! Calls in a closed loop: each connection asks again once it has its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::raw::{Answer, Connection};
use crate::wire::Failure;

/// Writes the next request in the place of the last; false when there is none.
pub(crate) type Next = dyn Fn(&mut Vec<u8>) -> bool + Send + Sync;
/// Says what is wrong with an answer.
pub(crate) type Check = dyn Fn(Answer<'_>) -> Result<(), Failure> + Send + Sync;

/// Connections that are made.
pub(crate) struct Calls {
    connections: Vec<Connection>,
}

/// How many calls were answered, and in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) count: u64,
    pub(crate) lasted: Duration,
}

impl Answered {
    #[expect(clippy::cast_precision_loss, reason = "a count of a few millions")]
    pub(crate) fn count(self) -> f64 {
        self.count as f64
    }

    pub(crate) fn per_second(self) -> f64 {
        self.count() / self.lasted.as_secs_f64()
    }

    /// How much of something went into one call, in microseconds.
    pub(crate) fn micros_each(self, all: Duration) -> f64 {
        all.as_secs_f64() * 1e6 / self.count()
    }
}

impl Calls {
    /// Makes the connections, so that this isn't part of what is measured.
    ///
    /// # Errors
    ///
    /// When one of them can't be made.
    pub(crate) async fn open(address: SocketAddr, count: usize) -> Result<Self, Failure> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(address).await?);
        }
        Ok(Self { connections })
    }

    /// Calls for a while, or until there is nothing more to ask.
    ///
    /// # Errors
    ///
    /// On the first answer that is wrong or doesn't come.
    pub(crate) async fn make(
        self,
        lasts: Duration,
        next: &Arc<Next>,
        check: &Arc<Check>,
    ) -> Result<Answered, Failure> {
        let began = Instant::now();
        let mut loops = JoinSet::new();
        for connection in self.connections {
            let (next, check) = (Arc::clone(next), Arc::clone(check));
            loops.spawn(one(connection, began + lasts, next, check));
        }
        let mut count = 0;
        while let Some(answered) = loops.join_next().await {
            count += answered??;
        }
        if count == 0 {
            return Err(Failure::Odd("no call was made".to_owned()));
        }
        let lasted = began.elapsed();
        Ok(Answered { count, lasted })
    }
}

async fn one(
    mut connection: Connection,
    until: Instant,
    next: Arc<Next>,
    check: Arc<Check>,
) -> Result<u64, Failure> {
    let (mut request, mut count) = (Vec::new(), 0);
    while Instant::now() < until && next(&mut request) {
        check(connection.call(&request).await?)?;
        count += 1;
    }
    Ok(count)
}

/// The same request for ever.
pub(crate) fn again(request: Vec<u8>) -> Arc<Next> {
    Arc::new(move |next: &mut Vec<u8>| {
        if next.is_empty() {
            next.extend_from_slice(&request);
        }
        true
    })
}

/// Requests one after another, and all of them again; at least one.
pub(crate) fn by_turns(requests: Vec<Vec<u8>>) -> Arc<Next> {
    let at = AtomicUsize::new(0);
    Arc::new(move |next: &mut Vec<u8>| {
        let at = at.fetch_add(1, Ordering::Relaxed);
        next.clear();
        next.extend_from_slice(&requests[at % requests.len()]);
        true
    })
}

/// Answers of one status and length.
pub(crate) fn like(status: u16, bytes: usize) -> Arc<Check> {
    Arc::new(move |answer: Answer<'_>| {
        if (answer.status, answer.body.len()) == (status, bytes) {
            return Ok(());
        }
        Err(unlike(&answer, &format!("{status} with {bytes} bytes")))
    })
}

/// Answers of one status.
pub(crate) fn answered(status: u16) -> Arc<Check> {
    Arc::new(move |answer: Answer<'_>| expect(status, answer))
}

/// An answer of one status, whatever it says.
///
/// # Errors
///
/// When it has another.
pub(crate) fn expect(status: u16, answer: Answer<'_>) -> Result<(), Failure> {
    if answer.status == status {
        return Ok(());
    }
    Err(unlike(&answer, &status.to_string()))
}

fn unlike(answer: &Answer<'_>, expected: &str) -> Failure {
    let start = answer.body[..answer.body.len().min(200)].escape_ascii();
    let status = answer.status;
    Failure::Odd(format!("{status} where {expected} belongs: {start}"))
}
