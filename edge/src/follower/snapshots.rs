//! Beginning anew: the whole catalog and every cell that is held, as of a position of the
//! feed or later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use futures_util::StreamExt;

use parterre_domain::wire::feed::{CatalogEntry, CatalogPage, EventSnapshot};
use parterre_domain::{EventId, Rev, limits};

use crate::cell::Cell;
use crate::cells::fetch_snapshot;
use crate::context::Edge;
use crate::cores::{CoreUnavailable, Cores};

/// Everything that an edge needs to begin anew at a position.
pub(super) struct Snapshots {
    position: Rev,
    entries: Vec<(Rev, CatalogEntry)>,
    cells: Vec<(Arc<Cell>, Renewal)>,
}

/// What brings a cell up to date.
enum Renewal {
    /// Nothing has touched it.
    Confirmed(Rev),
    /// Something has.
    Fetched(Box<EventSnapshot>),
    /// The event is no more, as after a restore from a backup.
    Gone,
}

impl Snapshots {
    /// Fetches all of it. Whatever was held goes on being served meanwhile.
    pub(super) async fn fetch(edge: &Edge, position: Rev) -> Result<Self, CoreUnavailable> {
        let held = edge.cells.resync(position);
        let entries = fetch_catalog(&edge.cores, position).await?;
        let known: HashMap<EventId, (Rev, Rev), RandomState> = entries
            .iter()
            .map(|(read_at, entry)| (entry.record.id, (*read_at, entry.rev)))
            .collect();
        let renewals = held.into_iter().map(|cell| {
            let known = known.get(&cell.event()).copied();
            renew(&edge.cores, position, cell, known)
        });
        let mut renewals =
            futures_util::stream::iter(renewals).buffer_unordered(limits::LOADS_AHEAD);
        let mut cells = Vec::new();
        while let Some(renewal) = renewals.next().await {
            cells.push(renewal?);
        }
        Ok(Self {
            position,
            entries,
            cells,
        })
    }

    /// Puts it in the place of what the edge had.
    pub(super) fn install(self, edge: &Edge, now: Instant) {
        let mut changed = Vec::new();
        for (cell, renewal) in self.cells {
            match renewal {
                Renewal::Confirmed(as_of) => cell.confirm(as_of),
                Renewal::Fetched(snapshot) => cell.reset(*snapshot, now),
                Renewal::Gone => {
                    edge.cells.drop_cell(&cell);
                    changed.push(cell.event());
                }
            }
        }
        edge.catalog.load(self.entries, self.position);
        let programme = edge.catalog.programme();
        changed.extend(programme.iter().map(|entry| entry.record.id));
        edge.signals.changed(&changed);
        edge.signals.catalog_changed();
    }
}

async fn renew(
    cores: &Cores,
    position: Rev,
    cell: Arc<Cell>,
    known: Option<(Rev, Rev)>,
) -> Result<(Arc<Cell>, Renewal), CoreUnavailable> {
    let renewal = match known {
        Some((read_at, rev)) if rev == cell.rev() => Renewal::Confirmed(read_at),
        Some(_) => fetch_recent(cores, position, cell.event()).await?,
        None => Renewal::Gone,
    };
    Ok((cell, renewal))
}

async fn fetch_recent(
    cores: &Cores,
    position: Rev,
    event: EventId,
) -> Result<Renewal, CoreUnavailable> {
    for _ in 0..limits::SNAPSHOT_TRIES {
        match fetch_snapshot(cores, event).await? {
            None => return Ok(Renewal::Gone),
            Some(snapshot) if snapshot.read_at >= position => {
                return Ok(Renewal::Fetched(Box::new(snapshot)));
            }
            Some(_) => tokio::time::sleep(limits::SNAPSHOT_RETRY).await,
        }
    }
    Err(CoreUnavailable)
}

/// Every page of the catalog, each entry with the version that its page is true for.
async fn fetch_catalog(
    cores: &Cores,
    position: Rev,
) -> Result<Vec<(Rev, CatalogEntry)>, CoreUnavailable> {
    let mut entries = Vec::new();
    let mut path = "/internal/v1/catalog".to_owned();
    loop {
        let page = fetch_page(cores, &path, position).await?;
        let read_at = page.read_at;
        entries.extend(page.events.into_iter().map(|entry| (read_at, entry)));
        match page.next {
            Some(next) => path = format!("/internal/v1/catalog?after={next}"),
            None => return Ok(entries),
        }
    }
}

async fn fetch_page(
    cores: &Cores,
    path: &str,
    position: Rev,
) -> Result<CatalogPage, CoreUnavailable> {
    for _ in 0..limits::SNAPSHOT_TRIES {
        let page: Option<CatalogPage> = cores.fetch(path, b"catalog").await?;
        let page = page.ok_or(CoreUnavailable)?;
        if page.read_at >= position {
            return Ok(page);
        }
        tokio::time::sleep(limits::SNAPSHOT_RETRY).await;
    }
    tracing::warn!(path, "the catalog stays behind the feed");
    Err(CoreUnavailable)
}
