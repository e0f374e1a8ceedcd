//! Whoever changes an event: reservations of one ticket each, in an open loop.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use parterre_domain::EventId;
use tokio::task::JoinSet;

use super::pace::{Pace, Spent, until, watch};
use crate::bench::{Parterre, comes_to_rest, expect};
use crate::numbers::{histogram, micros};
use crate::raw::{Connection, get, post};
use crate::wire::Failure;

/// Changes a second that one connection makes: it has 200 ms for each.
const EACH: u32 = 5;
/// Tickets that are reserved before anything is measured.
pub(super) const WARM: u32 = 1;

/// Buyers of one event, each with a connection that has been used.
pub(super) struct Buyers {
    connections: Vec<Connection>,
    shelf: Arc<Shelf>,
    /// The process that sells.
    pid: u32,
}

/// Where the tickets are.
struct Shelf {
    authority: String,
    path: String,
}

/// What was made.
pub(super) struct Made {
    pub(super) spent: Spent,
    /// Microseconds from when each was due until its 201.
    pub(super) took: Histogram<u64>,
    /// When the server wasn't watched any more.
    pub(super) ended: Instant,
}

impl Buyers {
    /// Buyers for so many changes a second; the first ticket is reserved already.
    ///
    /// # Errors
    ///
    /// When the server doesn't answer as it should.
    pub(super) async fn open(
        parterre: &Parterre,
        event: EventId,
        per_second: u32,
    ) -> Result<Self, Failure> {
        let authority = parterre.edge.to_string();
        let detail = get(&authority, &format!("/v1/events/{event}"), &[]);
        let mut connections = Vec::new();
        for _ in 0..per_second.div_ceil(EACH) {
            let mut connection = Connection::open(parterre.edge).await?;
            expect(200, connection.call(&detail).await?)?;
            connections.push(connection);
        }
        let path = format!("/v1/events/{event}/reservations");
        let shelf = Arc::new(Shelf { authority, path });
        for (ticket, connection) in (0..WARM).zip(&mut connections) {
            shelf.reserve(connection, ticket).await?;
        }
        let pid = parterre.id();
        Ok(Self {
            connections,
            shelf,
            pid,
        })
    }

    /// Makes every change when it is due.
    ///
    /// # Errors
    ///
    /// When one of them isn't made.
    pub(super) async fn make(self, pace: Pace) -> Result<Made, Failure> {
        comes_to_rest(self.pid).await?;
        let begins = Instant::now();
        let watching = tokio::spawn(watch(self.pid, begins, pace.windows()));
        let mut buying = JoinSet::new();
        let among = self.connections.len();
        for (first, connection) in (0..).zip(self.connections) {
            let numbers = (first..pace.count).step_by(among);
            let shelf = Arc::clone(&self.shelf);
            buying.spawn(shelf.buy(connection, begins, pace, numbers));
        }
        let mut took = histogram();
        while let Some(bought) = buying.join_next().await {
            for micros in bought?? {
                took.saturating_record(micros);
            }
        }
        Ok(Made {
            spent: watching.await??,
            took,
            ended: begins + pace.ends(),
        })
    }
}

impl Shelf {
    /// Makes some of the changes, and says how long each took in microseconds.
    async fn buy(
        self: Arc<Self>,
        mut connection: Connection,
        begins: Instant,
        pace: Pace,
        numbers: impl Iterator<Item = u32>,
    ) -> Result<Vec<u64>, Failure> {
        let mut took = Vec::new();
        for number in numbers {
            let due = begins + pace.due(number);
            until(due).await;
            self.reserve(&mut connection, WARM + number).await?;
            took.push(micros(due.elapsed()).max(1));
        }
        Ok(took)
    }

    async fn reserve(&self, connection: &mut Connection, ticket: u32) -> Result<(), Failure> {
        let body = format!(r#"{{"tickets":[{ticket}]}}"#);
        let wish = post(&self.authority, &self.path, &[], &body);
        expect(201, connection.call(&wish).await?)
    }
}
