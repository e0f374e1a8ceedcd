//! Fetching one event, once however many ask, and joining it to the feed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::watch;

use parterre_domain::wire::feed::{EventSnapshot, LayoutPage};
use parterre_domain::{EventChange, EventId, EventRecord, Layout, LayoutChunk, Rev, limits};

use super::Cells;
use crate::cell::Cell;
use crate::cores::{CoreUnavailable, Cores};

type Outcome = Result<Option<Arc<Cell>>, CoreUnavailable>;

/// A fetch that is under way.
#[derive(Debug)]
pub(super) struct Load {
    generation: u64,
    /// The feed's position when it began: what is fetched must not be older.
    noted: Rev,
    /// What came by the feed since then.
    changes: Vec<(Rev, EventChange)>,
    /// More came than is kept.
    overflowed: bool,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// A cell that can't be joined to the feed as it was fetched.
enum Unjoined {
    /// It is older than the feed's position, or the feed began anew.
    Again,
    /// There is no position to join to.
    NoFeed,
}

impl Load {
    /// Keeps changes until the cell is there.
    pub(super) fn keep(&mut self, changes: &[(Rev, &EventChange)]) {
        if self.changes.len() + changes.len() > limits::CHANGES_WHILE_LOADING {
            self.overflowed = true;
            self.changes.clear();
        }
        if !self.overflowed {
            let changes = changes.iter();
            self.changes
                .extend(changes.map(|&(rev, change)| (rev, change.clone())));
        }
    }

    /// Forgets what came so far: the next fetch will contain it.
    fn begin_again(&mut self, generation: u64, position: Rev) {
        (self.generation, self.noted) = (generation, position);
        self.changes.clear();
        self.overflowed = false;
    }
}

impl Cells {
    /// Waits for the fetch that is under way, or begins one. It goes on even if nobody
    /// waits for it any more.
    pub(super) async fn fetch(&self, event: EventId) -> Outcome {
        let mut outcome = self.begin(event)?;
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(CoreUnavailable)),
            // The task has ended without an outcome: the process is stopping.
            Err(_) => Err(CoreUnavailable),
        }
    }

    fn begin(&self, event: EventId) -> Result<watch::Receiver<Option<Outcome>>, CoreUnavailable> {
        let mut desk = self.desk();
        if let Some(load) = desk.loading.get(&event) {
            return Ok(load.outcome.clone());
        }
        let noted = desk.position.ok_or(CoreUnavailable)?;
        let (tell, outcome) = watch::channel(None);
        if let Some(cell) = self.held(&desk, event) {
            // It came between the look that missed it and this one.
            tell.send_replace(Some(Ok(Some(cell))));
            return Ok(outcome);
        }
        desk.loading.insert(
            event,
            Load {
                generation: self.inner.generation.load(Ordering::Acquire),
                noted,
                changes: Vec::new(),
                overflowed: false,
                outcome: outcome.clone(),
            },
        );
        drop(desk);
        let cells = self.clone();
        self.inner.sources.background.spawn(async move {
            let outcome = cells.run_load(event).await;
            if outcome.is_err() {
                cells.inner.sources.metrics.cache_load_failures.inc();
            }
            // With a cell it is gone already, and another load may have taken its place.
            if !matches!(outcome, Ok(Some(_))) {
                cells.desk().loading.remove(&event);
            }
            tell.send_replace(Some(outcome));
        });
        Ok(outcome)
    }

    async fn run_load(&self, event: EventId) -> Outcome {
        let sources = &self.inner.sources;
        for _ in 0..limits::SNAPSHOT_TRIES {
            sources.metrics.cache_loads.inc();
            let Some(snapshot) = fetch_snapshot(&sources.cores, event).await? else {
                return Ok(None);
            };
            let Some(layout) = fetch_layout(&sources.cores, &snapshot.record).await? else {
                return Ok(None);
            };
            match self.join(event, snapshot, layout) {
                Ok(cell) => {
                    let counts = cell.view().counts;
                    if sources.catalog.correct(event, counts, cell.as_of()) {
                        sources.signals.changed(&[event]);
                    }
                    return Ok(Some(cell));
                }
                Err(Unjoined::NoFeed) => return Err(CoreUnavailable),
                Err(Unjoined::Again) => tokio::time::sleep(limits::SNAPSHOT_RETRY).await,
            }
        }
        tracing::warn!(%event, "snapshots stay behind the feed");
        Err(CoreUnavailable)
    }

    /// Makes the cell and puts it where the follower finds it, in one step with taking
    /// the load away.
    fn join(
        &self,
        event: EventId,
        snapshot: EventSnapshot,
        layout: Layout,
    ) -> Result<Arc<Cell>, Unjoined> {
        let mut desk = self.desk();
        let position = desk.position.ok_or(Unjoined::NoFeed)?;
        let generation = self.inner.generation.load(Ordering::Acquire);
        let Some(load) = desk.loading.get_mut(&event) else {
            return Err(Unjoined::Again);
        };
        let is_whole = load.generation == generation && !load.overflowed;
        if !is_whole || snapshot.read_at < load.noted {
            load.begin_again(generation, position);
            return Err(Unjoined::Again);
        }
        let cell = Arc::new(Cell::new(snapshot, Arc::new(layout)));
        let changes = load.changes.iter().map(|(rev, change)| (*rev, change));
        cell.apply(changes, Instant::now());
        self.inner.cache.insert(event, Arc::clone(&cell));
        desk.loading.remove(&event);
        if let Some(watched) = desk.watched.get_mut(&event) {
            watched.cell.get_or_insert_with(|| Arc::clone(&cell));
        }
        Ok(cell)
    }
}

/// An event with the states of its tickets, if everybody may see it.
pub(crate) async fn fetch_snapshot(
    cores: &Cores,
    event: EventId,
) -> Result<Option<EventSnapshot>, CoreUnavailable> {
    let path = format!("/internal/v1/events/{event}");
    let snapshot: Option<EventSnapshot> = cores.fetch(&path, &event.to_bytes()).await?;
    Ok(snapshot.filter(|snapshot| snapshot.record.is_public()))
}

/// Where the tickets of an event are; none when a core has only a part of it.
async fn fetch_layout(
    cores: &Cores,
    record: &EventRecord,
) -> Result<Option<Layout>, CoreUnavailable> {
    let event = record.id;
    let mut chunks = Vec::new();
    let mut from = Some(0);
    while let Some(number) = from {
        let path = format!("/internal/v1/events/{event}/layout?from={number}");
        let page: Option<LayoutPage> = cores.fetch(&path, &event.to_bytes()).await?;
        let Some(page) = page else { return Ok(None) };
        for chunk in &page.chunks {
            let chunk: LayoutChunk = parterre_domain::decode(chunk).map_err(|error| {
                tracing::error!(%event, %error, "a chunk of a layout can't be read");
                CoreUnavailable
            })?;
            chunks.push(chunk);
        }
        // A page that doesn't lead on would be asked for without end.
        from = page.next.filter(|&next| next > number);
    }
    let layout = Layout::from_chunks(chunks);
    if layout.len() == record.total {
        Ok(Some(layout))
    } else {
        tracing::error!(%event, tickets = layout.len(), expected = record.total, "a layout isn't whole");
        Err(CoreUnavailable)
    }
}
