//! The events that an edge holds: as many as fit, and every one that is being watched.
//!
//! A cell that isn't held is fetched from a core, once however many ask, and joined to
//! the feed: the feed's position is noted first, what is fetched must not be older, and
//! the changes that come meanwhile are kept and applied on top. The desk's lock makes
//! sure that the follower finds every cell, or every load, that a change concerns.

mod load;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use foldhash::fast::RandomState;
use tokio::runtime::Handle;

use parterre_domain::{EventChange, EventId, LogRecord, Rev};

use crate::catalog::Catalog;
use crate::cell::Cell;
use crate::cores::{CoreUnavailable, Cores};
use crate::freshness::Freshness;
use crate::metrics::Metrics;
use crate::signals::Signals;
use load::Load;
pub(crate) use load::fetch_snapshot;

/// The events that an edge holds. Clones share them.
#[derive(Clone, Debug)]
pub struct Cells {
    inner: Arc<Inner>,
}

/// What cells are made from and counted by.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Where cells are fetched.
    pub cores: Arc<Cores>,
    /// Which events there are.
    pub catalog: Arc<Catalog>,
    /// Who is told when the catalog was wrong.
    pub signals: Signals,
    /// Whether the catalog can be relied on to know every event.
    pub freshness: Arc<Freshness>,
    /// Where loads are counted.
    pub metrics: Arc<Metrics>,
    /// The runtime that fetches.
    pub background: Handle,
}

#[derive(Debug)]
struct Inner {
    cache: moka::sync::Cache<EventId, Arc<Cell>, RandomState>,
    desk: Mutex<Desk>,
    sources: Sources,
    max_bytes: u64,
    /// Changes with every resync: a load that began before it can't be joined.
    generation: AtomicU64,
}

#[derive(Debug, Default)]
struct Desk {
    /// The feed's position as far as the cells have it; none before the first.
    position: Option<Rev>,
    loading: HashMap<EventId, Load, RandomState>,
    watched: HashMap<EventId, Watched, RandomState>,
}

/// An event that somebody watches, or waits to watch.
#[derive(Debug, Default)]
struct Watched {
    /// None until it is loaded.
    cell: Option<Arc<Cell>>,
    watchers: usize,
}

/// One watcher; leaves when dropped.
#[derive(Debug)]
struct Watcher {
    cells: Cells,
    event: EventId,
}

/// A cell that stays in memory while this is held.
#[derive(Debug)]
pub struct WatchedCell {
    cell: Arc<Cell>,
    _watcher: Watcher,
}

impl Cells {
    /// No cells yet; at most `max_bytes` of them, those that are watched aside.
    pub fn new(max_bytes: u64, sources: Sources) -> Self {
        let evictions = sources.metrics.cache_evictions.clone();
        let cache = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            // The default policy may refuse a newcomer when the cache is full, and a crowd
            // at a cold event would fetch it again and again.
            .eviction_policy(moka::policy::EvictionPolicy::lru())
            .weigher(|_, cell: &Arc<Cell>| u32::try_from(cell.weight_bytes()).unwrap_or(u32::MAX))
            .eviction_listener(move |_, _, cause| {
                if cause.was_evicted() {
                    evictions.inc();
                }
            })
            .build_with_hasher(RandomState::default());
        let inner = Inner {
            cache,
            desk: Mutex::default(),
            sources,
            max_bytes,
            generation: AtomicU64::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// A cell that is held.
    pub fn peek(&self, event: EventId) -> Option<Arc<Cell>> {
        self.inner
            .cache
            .get(&event)
            .or_else(|| self.desk().watched.get(&event)?.cell.clone())
    }

    /// A cell, fetched from a core if it isn't held; none when there is no such event.
    ///
    /// # Errors
    ///
    /// When it isn't held and no core answers, or the edge doesn't know the programme yet.
    pub async fn load(&self, event: EventId) -> Result<Option<Arc<Cell>>, CoreUnavailable> {
        if let Some(cell) = self.peek(event) {
            self.inner.sources.metrics.cache_hits.inc();
            return Ok(Some(cell));
        }
        if !self.may_exist(event)? {
            return Ok(None);
        }
        self.fetch(event).await
    }

    /// The same, kept in memory while the answer is held.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub async fn watch(&self, event: EventId) -> Result<Option<WatchedCell>, CoreUnavailable> {
        let watcher = self.enter(event);
        loop {
            if let Some(cell) = self.watched(event) {
                return Ok(Some(WatchedCell {
                    cell,
                    _watcher: watcher,
                }));
            }
            // A load that ends from here on leaves the cell with the watchers, whether or
            // not there is room for it in the cache.
            if self.load(event).await?.is_none() {
                return Ok(None);
            }
        }
    }

    fn enter(&self, event: EventId) -> Watcher {
        self.desk().watched.entry(event).or_default().watchers += 1;
        Watcher {
            cells: self.clone(),
            event,
        }
    }

    /// The cell that an event's watchers share, taken from the cache if it is there.
    fn watched(&self, event: EventId) -> Option<Arc<Cell>> {
        let mut desk = self.desk();
        let watched = desk.watched.get_mut(&event)?;
        if watched.cell.is_none() {
            watched.cell = self.inner.cache.get(&event);
        }
        watched.cell.clone()
    }

    fn leave(&self, event: EventId) {
        let mut desk = self.desk();
        let Some(watched) = desk.watched.get_mut(&event) else {
            return;
        };
        watched.watchers -= 1;
        if watched.watchers == 0
            && let Some(watched) = desk.watched.remove(&event)
            && let Some(cell) = watched.cell
            && !cell.is_gone()
        {
            // It may have been evicted while it was watched.
            self.inner.cache.insert(event, cell);
        }
    }

    /// A catalog that is up to date knows every event, so that guessing ids costs a core
    /// nothing.
    fn may_exist(&self, event: EventId) -> Result<bool, CoreUnavailable> {
        let sources = &self.inner.sources;
        if !sources.catalog.is_loaded() {
            return Err(CoreUnavailable);
        }
        let is_fresh = sources.freshness.stale_seconds(Instant::now()).is_none();
        Ok(!is_fresh || sources.catalog.programme().get(event).is_some())
    }

    /// Takes in the records of one frame, which leads to `position`. Says which of the
    /// cells that are held have changed.
    pub(crate) fn apply(&self, records: &[(Rev, LogRecord)], position: Rev, now: Instant) {
        let mut of_event: HashMap<EventId, Vec<(Rev, &EventChange)>, RandomState> =
            HashMap::default();
        for (rev, record) in records {
            for change in &record.events {
                of_event
                    .entry(change.event)
                    .or_default()
                    .push((*rev, change));
            }
        }
        let mut held = Vec::new();
        let mut desk = self.desk();
        desk.position = Some(position);
        for (event, changes) in of_event {
            if let Some(load) = desk.loading.get_mut(&event) {
                load.keep(&changes);
            }
            if let Some(cell) = self.held(&desk, event) {
                held.push((cell, changes));
            }
        }
        drop(desk);
        for (cell, changes) in held {
            cell.apply(changes, now);
        }
    }

    /// The feed's position isn't connected to what the cells have: loads under way begin
    /// anew. Gives every cell that is held, for the follower to bring to `position`.
    pub(crate) fn resync(&self, position: Rev) -> Vec<Arc<Cell>> {
        let mut desk = self.desk();
        desk.position = Some(position);
        self.inner.generation.fetch_add(1, Ordering::AcqRel);
        let watched = desk
            .watched
            .values()
            .filter_map(|watched| watched.cell.clone());
        let mut held: Vec<_> = watched.collect();
        let is_watched = |event: &EventId| {
            let watched = desk.watched.get(event);
            watched.is_some_and(|watched| watched.cell.is_some())
        };
        let cached = self.inner.cache.iter();
        held.extend(
            cached
                .filter(|(event, _)| !is_watched(event))
                .map(|(_, cell)| cell),
        );
        held
    }

    fn held(&self, desk: &Desk, event: EventId) -> Option<Arc<Cell>> {
        let watched = desk.watched.get(&event);
        let watched = watched.and_then(|watched| watched.cell.clone());
        watched.or_else(|| self.inner.cache.get(&event))
    }

    /// Drops the cell of an event that is no more, as after a restore from a backup. Who
    /// watches it learns so from the cell.
    pub(crate) fn drop_cell(&self, cell: &Cell) {
        cell.bury();
        let mut desk = self.desk();
        if let Some(watched) = desk.watched.get_mut(&cell.event()) {
            watched.cell = None;
        }
        self.inner.cache.invalidate(&cell.event());
    }

    /// Whether loading ahead has filled the bound, up to a tenth that is left to chance.
    pub(crate) fn is_full(&self) -> bool {
        self.inner.cache.run_pending_tasks();
        self.inner.cache.weighted_size() >= self.inner.max_bytes / 10 * 9
    }

    /// Writes how much is held into the metrics.
    pub(crate) fn measure(&self) {
        let cache = &self.inner.cache;
        cache.run_pending_tasks();
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let metrics = &self.inner.sources.metrics;
        metrics.cache_bytes.set(gauge(cache.weighted_size()));
        metrics.cache_cells.set(gauge(cache.entry_count()));
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.inner
            .desk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Deref for WatchedCell {
    type Target = Arc<Cell>;

    fn deref(&self) -> &Arc<Cell> {
        &self.cell
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.cells.leave(self.event);
    }
}
