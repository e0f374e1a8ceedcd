//! A store in memory, with real conflict detection and with faults from a seed. For
//! tests: it is gone when the process ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Rows, Want, Write};
use parterre_domain::{Position, Rev};
use tokio::sync::watch;

use super::{
    Commit, Failure, Loaded, LogPage, Retry, Snapshot, Store, Transaction, Value, first_behind,
};

const EPOCH: u32 = 1;

/// A store in memory.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    head: Arc<watch::Sender<Rev>>,
}

/// How often which fault happens, each from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A commit fails as if another had changed what was loaded.
    pub conflict: f64,
    /// A load fails as if the version were too old.
    pub too_old: f64,
    /// A commit goes in and its outcome is unknown.
    pub unknown_applied: f64,
    /// A commit doesn't go in and its outcome is unknown.
    pub unknown_not_applied: f64,
    /// The core dies at a commit, which goes in or, as often, doesn't: the transaction's
    /// next attempt fails for good.
    pub death: f64,
    /// Others run before a load or a commit.
    pub pause: f64,
}

struct Shared {
    rows: Arc<Rows>,
    /// When each key was last written, cleared ones included.
    written: BTreeMap<Key, u64>,
    sequence: u64,
    oldest: u64,
    faults: Faults,
    random: fastrand::Rng,
}

impl MemoryStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        Self::with_faults(Faults::default(), 0)
    }

    /// An empty store whose faults come from a seed.
    pub fn with_faults(faults: Faults, seed: u64) -> Self {
        let epoch = (keys::EPOCH.to_vec(), EPOCH.to_be_bytes().to_vec());
        let shared = Shared {
            rows: Arc::new(Rows([epoch].into())),
            written: BTreeMap::new(),
            sequence: 0,
            oldest: 0,
            faults,
            random: fastrand::Rng::with_seed(seed),
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            head: Arc::new(watch::channel(rev(0)).0),
        }
    }

    /// From now on these faults.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    async fn pause(&self) {
        let pauses = self.lock().happens(|faults| faults.pause);
        if pauses {
            tokio::task::yield_now().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

fn rev(sequence: u64) -> Rev {
    Rev {
        epoch: EPOCH,
        position: Position::from_sequence(sequence),
    }
}

impl Store for MemoryStore {
    type Transaction = MemoryTransaction;
    type Snapshot = MemorySnapshot;

    async fn begin(&self) -> Result<MemoryTransaction, Failure> {
        let shared = self.lock();
        let (rows, read_at) = (Arc::clone(&shared.rows), shared.sequence);
        drop(shared);
        Ok(MemoryTransaction {
            store: self.clone(),
            rows,
            read_at,
            loaded: Vec::new(),
            dead: false,
        })
    }

    async fn snapshot(&self) -> Result<MemorySnapshot, Failure> {
        let shared = self.lock();
        Ok(MemorySnapshot {
            rows: Arc::clone(&shared.rows),
            rev: rev(shared.sequence),
        })
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        let shared = self.lock();
        let rows = Arc::clone(&shared.rows);
        let mut page = LogPage {
            records: Vec::new(),
            oldest: rev(shared.oldest),
            head: rev(shared.sequence),
        };
        drop(shared);
        let Some(range) = first_behind(after, EPOCH) else {
            return Ok(page);
        };
        let mut bytes = 0;
        for (key, value) in rows.range(&range) {
            bytes += value.len();
            if !page.records.is_empty() && bytes > max_bytes {
                break;
            }
            if let Some(position) = keys::position_of(key) {
                let epoch = EPOCH;
                let record = Bytes::copy_from_slice(value);
                page.records.push((Rev { epoch, position }, record));
            }
        }
        Ok(page)
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        let mut head = self.head.subscribe();
        // Either way the caller looks for itself.
        drop(tokio::time::timeout(at_most, head.wait_for(|head| *head > after)).await);
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        let mut shared = self.lock();
        let up_to = up_to.sequence().min(shared.sequence);
        shared.oldest = shared.oldest.max(up_to);
        let end = Range::prefix(&[keys::LOG])
            .after(&keys::log(Position::from_sequence(up_to)))
            .start;
        let range = Range {
            start: vec![keys::LOG],
            end,
        };
        Arc::make_mut(&mut shared.rows).apply(&[Write::ClearRange(range)]);
        Ok(())
    }
}

/// A transaction of a [`MemoryStore`].
pub struct MemoryTransaction {
    store: MemoryStore,
    rows: Arc<Rows>,
    read_at: u64,
    loaded: Vec<Want>,
    dead: bool,
}

impl Transaction for MemoryTransaction {
    fn rev(&self) -> Rev {
        rev(self.read_at)
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        self.store.pause().await;
        if self.store.lock().happens(|faults| faults.too_old) {
            return Err(Retry::TooOld);
        }
        let loaded = wants
            .iter()
            .map(|want| load(&self.rows, want.clone()))
            .collect();
        self.loaded.extend(wants);
        Ok(loaded)
    }

    async fn commit(mut self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        self.store.pause().await;
        let mut shared = self.store.lock();
        if shared.happens(|faults| faults.conflict) || shared.conflicts(&self.loaded, self.read_at)
        {
            drop(shared);
            return Err((self, Retry::Conflict));
        }
        self.dead = shared.happens(|faults| faults.death);
        if shared.happens(|faults| faults.unknown_not_applied) || self.dead && shared.random.bool()
        {
            drop(shared);
            return Err((self, Retry::Unknown));
        }
        // With the last view gone, the rows are changed in place.
        self.rows = Arc::default();
        let at = shared.apply(commit);
        let unknown = self.dead || shared.happens(|faults| faults.unknown_applied);
        drop(shared);
        self.store.head.send_replace(at);
        if unknown {
            return Err((self, Retry::Unknown));
        }
        Ok(at)
    }

    async fn again(self, _why: Retry) -> Result<Self, Failure> {
        if self.dead {
            return Err(Failure("the core died".into()));
        }
        self.store.begin().await
    }
}

impl Shared {
    fn happens(&mut self, chance: impl Fn(&Faults) -> f64) -> bool {
        self.random.f64() < chance(&self.faults)
    }

    fn conflicts(&self, loaded: &[Want], read_at: u64) -> bool {
        loaded.iter().any(|want| match want {
            Want::Key(key) => self.written.get(key).is_some_and(|&at| at > read_at),
            Want::Range(range, _) => self
                .written
                .range(range.start.clone()..range.end.clone())
                .any(|(_, &at)| at > read_at),
        })
    }

    fn apply(&mut self, commit: Commit) -> Rev {
        self.sequence += 1;
        let (sequence, at) = (self.sequence, rev(self.sequence));
        let rows = Arc::make_mut(&mut self.rows);
        for write in &commit.writes {
            match write {
                Write::Set(key, _)
                | Write::Clear(key)
                | Write::Add(key, _)
                | Write::SetRev(key) => {
                    self.written.insert(key.clone(), sequence);
                }
                Write::ClearRange(range) => {
                    let keys: Vec<Key> = rows.range(range).map(|(key, _)| key.clone()).collect();
                    self.written
                        .extend(keys.into_iter().map(|key| (key, sequence)));
                }
            }
            if let Write::SetRev(key) = write {
                rows.0.insert(key.clone(), at.to_bytes().to_vec());
            }
        }
        rows.apply(&commit.writes);
        rows.0
            .insert(commit.marker.key.clone(), commit.marker.value(at));
        rows.0
            .insert(keys::log(at.position), commit.record.to_vec());
        at
    }
}

/// A [`MemoryStore`] at one rev.
pub struct MemorySnapshot {
    rows: Arc<Rows>,
    rev: Rev,
}

impl Snapshot for MemorySnapshot {
    fn rev(&self) -> Rev {
        self.rev
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>, Failure> {
        Ok(self.rows.0.get(key).cloned())
    }

    async fn range(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        Ok(entries(&self.rows, range, limit))
    }
}

fn load(rows: &Rows, want: Want) -> Loaded {
    match want {
        Want::Key(key) => {
            let value = rows.0.get(&key).cloned();
            Loaded::Key(key, value)
        }
        Want::Range(range, limit) => {
            let rows = entries(rows, &range, limit);
            Loaded::Range(range, limit, rows)
        }
    }
}

fn entries(rows: &Rows, range: &Range, limit: usize) -> Vec<(Key, Value)> {
    rows.range(range)
        .take(limit)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
