//! Loaded records, and the writes so far on top of them. Here they are keys and values;
//! `typed` reads and writes them by what they are.

#[cfg(test)]
mod tests;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    changes: usize,
}

/// A write in the order of effect.
struct Written {
    write: Write,
    /// The place of the write that was the last one of its key before.
    hides: Option<usize>,
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
    /// Events as they were loaded, read once for all commands of a batch.
    events: BTreeMap<EventId, Arc<EventRecord>>,
    writes: Vec<Written>,
    /// The place of the last write of each key that was set or cleared.
    last: BTreeMap<Key, usize>,
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
        self.events.clear();
    }

    /// Takes in the first `limit` entries of a range.
    pub fn fill_range(&mut self, range: Range, limit: usize, rows: Vec<(Key, Value)>) {
        self.ranges.insert((range, limit), rows);
    }

    /// Drops all writes, keeping what was loaded.
    pub fn clear_writes(&mut self) {
        self.writes.clear();
        self.last.clear();
        self.changes.clear();
    }

    /// Marks where a command begins.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            writes: self.writes.len(),
            changes: self.changes.len(),
        }
    }

    /// Undoes everything since a savepoint.
    pub fn rollback(&mut self, to: Savepoint) {
        self.changes.truncate(to.changes);
        for Written { write, hides } in self.writes.drain(to.writes..).rev() {
            let (Write::Set(key, _) | Write::Clear(key)) = write else {
                continue;
            };
            match hides {
                Some(place) => self.last.insert(key, place),
                None => self.last.remove(&key),
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
        let (record, touched) = fold_changes(self.changes, now);
        let mut writes = sum_adds(self.writes.into_iter().map(|written| written.write));
        writes.extend(
            touched
                .into_iter()
                .map(|event| Write::SetRev(keys::event_rev(event))),
        );
        (writes, record)
    }

    /// A value, as the batch would leave it.
    pub fn get(&mut self, key: &Key) -> Decision<Option<&Value>> {
        if let Some(&place) = self.last.get(key) {
            return Ok(self.writes[place].value());
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
        for (key, &place) in self.last.range(range.start.clone()..end.clone()) {
            match self.writes[place].value() {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        let keys = rows.into_keys().collect();
        Ok(Page { keys, next })
    }

    /// Puts a value.
    pub fn set(&mut self, key: Key, value: Value) {
        let hides = self.last.insert(key.clone(), self.writes.len());
        let write = Write::Set(key, value);
        self.writes.push(Written { write, hides });
    }

    /// Takes a value away.
    pub fn clear(&mut self, key: Key) {
        let hides = self.last.insert(key.clone(), self.writes.len());
        let write = Write::Clear(key);
        self.writes.push(Written { write, hides });
    }

    /// Takes all values of a range away. No rule may read the range in the same batch.
    pub fn clear_range(&mut self, range: Range) {
        self.blindly(Write::ClearRange(range));
    }

    /// Adds to a counter. What a batch adds, its rules don't see.
    pub fn add(&mut self, key: Key, by: i64) {
        if by != 0 {
            self.blindly(Write::Add(key, by));
        }
    }

    /// Writes what no rule of the batch sees.
    fn blindly(&mut self, write: Write) {
        self.writes.push(Written { write, hides: None });
    }

    fn read<T: DeserializeOwned>(&mut self, key: &Key) -> Decision<Option<T>> {
        self.get(key)?.map(|value| decode(key, value)).transpose()
    }

    fn put<T: Serialize>(&mut self, key: Key, value: &T) {
        self.set(key, crate::encode(value));
    }
}

impl Written {
    /// What it leaves at its key.
    fn value(&self) -> Option<&Value> {
        match &self.write {
            Write::Set(_, value) => Some(value),
            _ => None,
        }
    }
}

/// The same writes with one addition for several to the same counter, as long as nothing
/// between them sets it: a batch of reservations counts each ticket, most of them of one
/// event.
fn sum_adds(writes: impl Iterator<Item = Write>) -> Vec<Write> {
    let mut summed: Vec<Write> = Vec::with_capacity(writes.size_hint().0);
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    for write in writes {
        match &write {
            Write::Add(key, by) => {
                let place = places.get(key).map(|&place| &mut summed[place]);
                if let Some(Write::Add(_, sum)) = place {
                    *sum = sum.wrapping_add(*by);
                    continue;
                }
                places.insert(key.clone(), summed.len());
            }
            Write::Set(key, _) | Write::Clear(key) | Write::SetRev(key) => {
                places.remove(key);
            }
            Write::ClearRange(range) => places.retain(|key, _| !range.contains(key)),
        }
        summed.push(write);
    }
    summed.retain(|write| !matches!(write, Write::Add(_, 0)));
    summed
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
