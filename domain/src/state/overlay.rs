//! Loaded records, and the writes so far on top of them. Here they are keys and values;
//! `typed` reads and writes them by what they are.

mod typed;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};

use super::{Decision, Stop};
use crate::keys::{self, Key, Range};
use crate::{
    CountsChange, EventChange, EventId, EventRecord, LogRecord, TicketId, TicketState, Timestamp,
};

/// A value of the store.
type Value = Vec<u8>;

/// Something a rule asked for that isn't loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// One key, which may be absent.
    Key(Key),
    /// The first so many entries of a range.
    Range(Range, usize),
}

/// A change to the store, in the order of effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts a value.
    Set(Key, Value),
    /// Takes a value away.
    Clear(Key),
    /// Takes all values of a range away.
    ClearRange(Range),
    /// Adds to a 64-bit little-endian counter without reading it; absent counts as 0.
    Add(Key, i64),
    /// Puts the rev that this commit will get (14 bytes), without reading.
    SetRev(Key),
}

/// A place to roll back to.
#[derive(Clone, Copy, Debug)]
pub struct Savepoint {
    writes: usize,
    undo: usize,
    changes: usize,
}

enum Change {
    Ticket {
        event: EventId,
        ticket: TicketId,
        from: TicketState,
        to: TicketState,
    },
    Record(Box<EventRecord>),
    /// So many tickets were withdrawn before the batch.
    Withdrawn {
        event: EventId,
        before: u32,
    },
    /// Gives the event a new rev without telling the world, as for drafts.
    Touch(EventId),
}

/// A stretch of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its keys, in order.
    pub keys: Vec<Key>,
    /// What lies behind it; none when it reaches the range's end.
    pub next: Option<Range>,
}

/// Loaded records and the writes of a batch so far. Reads see the batch's own writes.
#[derive(Default)]
pub struct Overlay {
    loaded: BTreeMap<Key, Option<Value>>,
    ranges: BTreeMap<(Range, usize), Vec<(Key, Value)>>,
    wanted: BTreeSet<Want>,
    written: BTreeMap<Key, Option<Value>>,
    undo: Vec<(Key, Option<Option<Value>>)>,
    writes: Vec<Write>,
    changes: Vec<Change>,
}

impl Overlay {
    /// Asks for records before any rule has asked.
    pub fn want(&mut self, wants: impl IntoIterator<Item = Want>) {
        self.wanted
            .extend(wants.into_iter().filter(|want| match want {
                Want::Key(key) => !self.loaded.contains_key(key),
                Want::Range(range, limit) => !self.ranges.contains_key(&(range.clone(), *limit)),
            }));
    }

    /// What must be loaded; empties the list.
    pub fn take_wanted(&mut self) -> Vec<Want> {
        std::mem::take(&mut self.wanted).into_iter().collect()
    }

    /// Whether a rule has asked for something that isn't loaded.
    pub fn lacks(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Takes in a loaded key, present or absent.
    pub fn fill_key(&mut self, key: Key, value: Option<Value>) {
        self.loaded.insert(key, value);
    }

    /// Takes in the first `limit` entries of a range.
    pub fn fill_range(&mut self, range: Range, limit: usize, rows: Vec<(Key, Value)>) {
        self.ranges.insert((range, limit), rows);
    }

    /// Forgets what was loaded and written, and wants again all that was ever loaded:
    /// the next attempt reads at a new version.
    pub fn forget(&mut self) {
        self.clear_writes();
        let keys = std::mem::take(&mut self.loaded).into_keys().map(Want::Key);
        let ranges = std::mem::take(&mut self.ranges)
            .into_keys()
            .map(|(range, limit)| Want::Range(range, limit));
        self.wanted.extend(keys.chain(ranges));
    }

    /// Drops all writes, keeping what was loaded.
    pub fn clear_writes(&mut self) {
        self.written.clear();
        self.undo.clear();
        self.writes.clear();
        self.changes.clear();
    }

    /// Marks where a command begins.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            writes: self.writes.len(),
            undo: self.undo.len(),
            changes: self.changes.len(),
        }
    }

    /// Undoes everything since a savepoint.
    pub fn rollback(&mut self, to: Savepoint) {
        self.writes.truncate(to.writes);
        self.changes.truncate(to.changes);
        for (key, before) in self.undo.drain(to.undo..).rev() {
            match before {
                Some(value) => self.written.insert(key, value),
                None => self.written.remove(&key),
            };
        }
    }

    /// Whether anything has been written since a savepoint.
    pub fn wrote_since(&self, savepoint: Savepoint) -> bool {
        self.writes.len() > savepoint.writes
    }

    /// Whether the batch writes anything.
    pub fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    /// The batch's writes in order, and its log record. The touched events' revs are
    /// among the writes. Call it once, at the end.
    pub fn into_writes(self, now: Timestamp) -> (Vec<Write>, LogRecord) {
        let Self {
            mut writes,
            changes,
            ..
        } = self;
        let (record, touched) = fold_changes(changes, now);
        writes.extend(
            touched
                .into_iter()
                .map(|event| Write::SetRev(keys::event_rev(event))),
        );
        (writes, record)
    }

    /// A value, as the batch would leave it.
    pub fn get(&mut self, key: &Key) -> Decision<Option<&Value>> {
        if self.written.contains_key(key) {
            return Ok(self.written[key].as_ref());
        }
        match self.loaded.get(key) {
            Some(value) => Ok(value.as_ref()),
            None => {
                self.wanted.insert(Want::Key(key.clone()));
                Err(Stop::Missing)
            }
        }
    }

    /// The beginning of a range, `limit` of the store's entries long, as the batch would
    /// leave it.
    pub fn page(&mut self, range: &Range, limit: usize) -> Decision<Page> {
        let Some(loaded) = self.ranges.get(&(range.clone(), limit)) else {
            self.wanted.insert(Want::Range(range.clone(), limit));
            return Err(Stop::Missing);
        };
        // Whether there is more is the store's word: what the batch cleared makes the
        // page shorter and says nothing of what lies behind it.
        let next = (loaded.last())
            .filter(|_| loaded.len() >= limit)
            .map(|(last, _)| range.clone().after(last));
        let end = next.as_ref().map_or(&range.end, |next| &next.start);
        let mut rows: BTreeMap<Key, Value> = loaded.iter().cloned().collect();
        for (key, value) in self.written.range(range.start.clone()..end.clone()) {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        let keys = rows.into_keys().collect();
        Ok(Page { keys, next })
    }

    /// Puts a value.
    pub fn set(&mut self, key: Key, value: Value) {
        self.note(key.clone(), Some(value.clone()));
        self.writes.push(Write::Set(key, value));
    }

    /// Takes a value away.
    pub fn clear(&mut self, key: Key) {
        self.note(key.clone(), None);
        self.writes.push(Write::Clear(key));
    }

    /// Takes all values of a range away. No rule may read the range in the same batch.
    pub fn clear_range(&mut self, range: Range) {
        self.writes.push(Write::ClearRange(range));
    }

    /// Adds to a counter. What a batch adds, its rules don't see.
    pub fn add(&mut self, key: Key, by: i64) {
        if by != 0 {
            self.writes.push(Write::Add(key, by));
        }
    }

    fn note(&mut self, key: Key, value: Option<Value>) {
        let before = self.written.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    fn read<T: DeserializeOwned>(&mut self, key: &Key) -> Decision<Option<T>> {
        self.get(key)?.map(|value| decode(key, value)).transpose()
    }

    fn put<T: Serialize>(&mut self, key: Key, value: &T) {
        self.set(key, crate::encode(value));
    }
}

fn decode<T: DeserializeOwned>(key: &Key, value: &[u8]) -> Decision<T> {
    crate::decode(value)
        .map_err(|error| Stop::Corrupt(format!("record {}: {error}", key.escape_ascii())))
}

/// One entry an event, each ticket with its last state; and every event that gets a new
/// rev.
fn fold_changes(changes: Vec<Change>, at: Timestamp) -> (LogRecord, BTreeSet<EventId>) {
    let mut events: BTreeMap<EventId, (EventChange, BTreeMap<TicketId, TicketState>)> =
        BTreeMap::new();
    let mut touched = BTreeSet::new();
    for change in changes {
        let event = match &change {
            Change::Ticket { event, .. }
            | Change::Withdrawn { event, .. }
            | Change::Touch(event) => *event,
            Change::Record(record) => record.id,
        };
        touched.insert(event);
        let entry = || (EventChange::new(event), BTreeMap::new());
        match change {
            Change::Touch(_) => {}
            Change::Record(record) => {
                events.entry(event).or_insert_with(entry).0.record = Some(record);
            }
            Change::Withdrawn { before, .. } => {
                let change = events.entry(event).or_insert_with(entry);
                change.0.withdrawn_before = before;
            }
            Change::Ticket {
                ticket, from, to, ..
            } => {
                let (change, tickets) = events.entry(event).or_insert_with(entry);
                change.counts.add(CountsChange::of_step(from, to));
                tickets.insert(ticket, to);
            }
        }
    }
    let events = events.into_values().map(|(mut change, tickets)| {
        change.tickets = tickets.into_iter().collect();
        change
    });
    (
        LogRecord {
            at,
            events: events.collect(),
        },
        touched,
    )
}
