//! Loading ahead: every event that isn't over, soonest first, for as long as there is
//! room, so that the programme stays readable when the core goes.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::sleep;

use parterre_domain::{EventId, limits};

use crate::clock;
use crate::context::Edge;

/// Loads whenever the catalog has new events, until told to stop.
pub async fn run(edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let work = async {
        loop {
            edge.ahead.notified().await;
            while !load_all(&edge).await {
                sleep(limits::LOADS_AHEAD_RETRY).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

/// Says whether everything for which there is room is there.
async fn load_all(edge: &Arc<Edge>) -> bool {
    let now = clock::now();
    let programme = edge.catalog.programme();
    let wanted: Vec<EventId> = programme
        .iter()
        .map(|entry| &entry.record)
        .filter(|record| record.about.starts_at.max(record.sale_closes_at()) >= now)
        .map(|record| record.id)
        .filter(|&event| edge.cells.peek(event).is_none())
        .collect();
    drop(programme);
    let loads = wanted.into_iter().map(|event| load(edge, event));
    let mut loads = futures_util::stream::iter(loads).buffer_unordered(limits::LOADS_AHEAD);
    let mut all = true;
    while let Some(loaded) = loads.next().await {
        match loaded {
            Loaded::Yes => {}
            Loaded::NoRoom => break,
            Loaded::No => all = false,
        }
    }
    edge.cells.measure();
    all
}

enum Loaded {
    Yes,
    No,
    NoRoom,
}

async fn load(edge: &Arc<Edge>, event: EventId) -> Loaded {
    if edge.cells.is_full() {
        return Loaded::NoRoom;
    }
    match edge.cells.load(event).await {
        Ok(_) => Loaded::Yes,
        Err(_) => Loaded::No,
    }
}
