//! Every published event, whole in memory: what lists show, with exact counts.
//!
//! Readers take a [`Programme`], which never changes; the follower swaps it for the next,
//! once for each frame of the feed.

mod sorted;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use parterre_domain::wire::api::EventSummary;
use parterre_domain::wire::feed::CatalogEntry;
use parterre_domain::{
    Counts, CountsChange, EventChange, EventId, EventRecord, LogRecord, Rev, Timestamp,
};

use crate::search::{Cursor, SearchKeys, Wish};
use sorted::Sorted;

/// Every published event.
#[derive(Debug, Default)]
pub struct Catalog {
    programme: ArcSwap<Programme>,
    /// Held while the next programme is made.
    writing: Mutex<()>,
    is_loaded: AtomicBool,
}

/// Every published event at one position of the feed.
#[derive(Clone, Debug, Default)]
pub struct Programme {
    position: Rev,
    by_start: Sorted<Cursor, Arc<Entry>>,
    by_id: Sorted<EventId, Arc<Entry>>,
}

/// A published event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As stored.
    pub record: Arc<EventRecord>,
    /// As counted.
    pub counts: Counts,
    /// The last commit that touched it.
    pub rev: Rev,
    /// Every commit up to here is counted.
    as_of: Rev,
    pub(crate) keys: Arc<SearchKeys>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The events, soonest first.
    pub entries: Vec<Arc<Entry>>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

/// What records of the feed did to the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Events with a new rev.
    pub(crate) changed: Vec<EventId>,
    /// Those of them that weren't known before.
    pub(crate) published: Vec<EventId>,
    /// Whether the record of one of them is new.
    pub(crate) records_changed: bool,
}

impl Catalog {
    /// The programme as it now is.
    pub fn programme(&self) -> Arc<Programme> {
        self.programme.load_full()
    }

    /// The position of the feed that the programme is true for.
    pub fn position(&self) -> Rev {
        self.programme.load().position
    }

    /// Whether it has ever been loaded; before that it knows nothing.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    /// Takes in a snapshot: each entry with the version that it is true for.
    pub(crate) fn load(&self, entries: Vec<(Rev, CatalogEntry)>, position: Rev) {
        self.rewrite(|programme| {
            *programme = Programme {
                position,
                ..Programme::default()
            };
            for (read_at, entry) in entries {
                programme.put(Entry::new(entry, read_at));
            }
        });
        self.is_loaded.store(true, Ordering::Release);
    }

    /// Takes in the records of one frame, as one, ascending.
    pub(crate) fn apply(&self, records: &[(Rev, LogRecord)]) -> Applied {
        let mut applied = Applied::default();
        if let Some((position, _)) = records.last() {
            self.rewrite(|programme| {
                programme.position = *position;
                for (rev, record) in records {
                    for change in &record.events {
                        programme.step(*rev, change, &mut applied);
                    }
                }
            });
        }
        applied.changed.sort_unstable();
        applied.changed.dedup();
        applied
    }

    /// Takes in counts that were counted ticket by ticket, true for `as_of`. Says whether
    /// others were shown until now.
    pub(crate) fn correct(&self, event: EventId, counts: Counts, as_of: Rev) -> bool {
        let differs = |programme: &Programme| {
            let entry = programme.get(event);
            entry.is_some_and(|entry| entry.as_of <= as_of && entry.counts != counts)
        };
        let mut has_changed = false;
        if differs(&self.programme.load()) {
            self.rewrite(|programme| {
                if differs(programme)
                    && let Some(entry) = programme.get(event)
                {
                    let mut entry = Entry::clone(entry);
                    (entry.counts, entry.as_of) = (counts, as_of);
                    programme.put(entry);
                    has_changed = true;
                }
            });
        }
        has_changed
    }

    fn rewrite(&self, change: impl FnOnce(&mut Programme)) {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut programme = Programme::clone(&self.programme.load());
        change(&mut programme);
        self.programme.store(Arc::new(programme));
        drop(writing);
    }
}

impl Programme {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of the feed that it is true for.
    pub fn position(&self) -> Rev {
        self.position
    }

    /// One event.
    pub fn get(&self, event: EventId) -> Option<&Arc<Entry>> {
        self.by_id.get(&event)
    }

    /// Every event, soonest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_start.iter().map(|(_, entry)| entry)
    }

    /// Events near an event in date: at most `most` on either side, itself included.
    pub(crate) fn around(&self, entry: &Entry, most: usize) -> impl Iterator<Item = &Arc<Entry>> {
        let at = entry.at();
        let later = self.by_start.range_from(&at).take(most + 1);
        let sooner = self.by_start.before(&at).take(most);
        sooner.chain(later).map(|(_, entry)| entry)
    }

    /// The page that a wish asks for; `now` is where it begins if it doesn't say.
    pub fn search(&self, wish: &Wish, now: Timestamp) -> Page {
        let from = Cursor {
            starts_at: wish.from.unwrap_or(now),
            event: EventId::from_bytes([0; 16]),
        };
        let start = wish.after.map_or(from, |after| after.max(from));
        let mut found = self
            .by_start
            .range_from(&start)
            .filter(|(at, _)| wish.after != Some(**at))
            .take_while(|(at, _)| wish.to.is_none_or(|to| at.starts_at < to))
            .filter(|(_, entry)| wish.matches(&entry.keys));
        let entries: Vec<_> = found
            .by_ref()
            .take(wish.limit)
            .map(|(_, entry)| Arc::clone(entry))
            .collect();
        let has_more = found.next().is_some();
        Page {
            next: entries.last().filter(|_| has_more).map(|last| last.at()),
            entries,
        }
    }

    fn step(&mut self, rev: Rev, change: &EventChange, applied: &mut Applied) {
        let entry = match (self.get(change.event), &change.record) {
            (Some(entry), _) if rev <= entry.as_of => return,
            (Some(entry), _) => entry.after(rev, change),
            (None, Some(record)) if record.is_public() => {
                applied.published.push(change.event);
                Entry::published(rev, change, record)
            }
            // Tickets of a draft: nobody may see it yet.
            (None, _) => return,
        };
        applied.changed.push(change.event);
        applied.records_changed |= change.record.is_some();
        self.put(entry);
    }

    fn put(&mut self, entry: Entry) {
        let entry = Arc::new(entry);
        let before = self.by_id.insert(entry.record.id, Arc::clone(&entry));
        if let Some(before) = before
            && before.at() != entry.at()
        {
            self.by_start.remove(&before.at());
        }
        self.by_start.insert(entry.at(), entry);
    }
}

impl Entry {
    fn new(entry: CatalogEntry, as_of: Rev) -> Self {
        Self {
            keys: Arc::new(SearchKeys::new(&entry.record.about)),
            record: Arc::new(entry.record),
            counts: entry.counts,
            rev: entry.rev,
            as_of,
        }
    }

    /// An event that has just been published.
    fn published(rev: Rev, change: &EventChange, record: &EventRecord) -> Self {
        let before = CountsChange {
            withdrawn: i32::try_from(change.withdrawn_before).unwrap_or(i32::MAX),
            ..CountsChange::default()
        };
        let counts = Counts::all_free(record.total).after(before);
        let counts = counts.after(change.counts);
        let record = record.clone();
        Self::new(
            CatalogEntry {
                record,
                counts,
                rev,
            },
            rev,
        )
    }

    fn after(&self, rev: Rev, change: &EventChange) -> Self {
        let mut entry = self.clone();
        entry.counts = entry.counts.after(change.counts);
        (entry.rev, entry.as_of) = (rev, rev);
        if let Some(record) = &change.record {
            if record.about != entry.record.about {
                entry.keys = Arc::new(SearchKeys::new(&record.about));
            }
            entry.record = Arc::new((**record).clone());
        }
        entry
    }

    fn at(&self) -> Cursor {
        Cursor {
            starts_at: self.record.about.starts_at,
            event: self.record.id,
        }
    }

    /// As a list shows it.
    pub fn summary(&self) -> EventSummary {
        EventSummary::new(&self.record, self.counts)
    }
}

#[cfg(test)]
mod tests;
