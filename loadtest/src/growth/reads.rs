//! Cached reads that go through all events by turns.

use std::time::Duration;

use parterre_domain::EventId;

use crate::bench::{Calls, Parterre, answered, by_turns, comes_to_rest, float};
use crate::process::Meter;
use crate::raw::{Connection, get};
use crate::wire::Failure;

/// Connections of the closed loop.
const CONNECTIONS: usize = 64;

/// What a read cost.
pub(super) struct Read {
    /// Microseconds of the server's CPU time.
    pub(super) micros: f64,
    /// Bytes of a body, on average.
    pub(super) bytes: f64,
}

/// Reads one part of every event, which `part` is the path of, again and again.
///
/// # Errors
///
/// When an answer isn't 200.
pub(super) async fn read(
    parterre: &Parterre,
    events: &[EventId],
    part: &str,
    lasts: Duration,
) -> Result<Read, Failure> {
    let authority = parterre.edge.to_string();
    let request = |event| get(&authority, &format!("/v1/events/{event}{part}"), &[]);
    let requests: Vec<Vec<u8>> = events.iter().map(request).collect();
    let bytes = bytes(parterre, &requests).await?;
    comes_to_rest(parterre.id()).await?;
    let calls = Calls::open(parterre.edge, CONNECTIONS).await?;
    let meter = Meter::start(parterre.id())?;
    let made = calls
        .make(lasts, &by_turns(requests), &answered(200))
        .await?;
    let micros = made.micros_each(meter.spent()?);
    Ok(Read { micros, bytes })
}

/// How long bodies are on average. Afterwards all of them are in the cache.
async fn bytes(parterre: &Parterre, requests: &[Vec<u8>]) -> Result<f64, Failure> {
    let (mut connection, mut bytes) = (Connection::open(parterre.edge).await?, 0);
    for request in requests {
        bytes += connection.call(request).await?.body.len();
    }
    Ok(float(bytes) / float(requests.len().max(1)))
}
