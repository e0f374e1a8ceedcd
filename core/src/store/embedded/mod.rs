//! The embedded store: one file of redb in one directory, one writer at a time.
//!
//! Two-phase commit and quick repair are on: both close classes of bugs in redb's recovery.
//! The first costs nothing measurable beside the fsync; the second takes a tenth of the
//! reservations of 64 buyers, and makes a start after a kill as short as any. An error from
//! a commit is final, because nobody knows what a failed fsync left behind: the store
//! refuses all further work, the process stops, and the next start recovers.
//!
//! A transaction reads a snapshot and remembers its sequence number; it commits only if
//! no other commit came since. With one lane there never is one.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::Want;
use parterre_domain::{Position, Rev};
use redb::{Database, ReadableDatabase, StorageBackend, StorageError};
use tokio::sync::watch;

use self::table::{TABLE, Writer};
use super::{
    Commit, Failure, Loaded, LogPage, Retry, Snapshot, Store, Transaction, Value, first_behind,
};

mod file;
mod table;

type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The embedded store.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    epoch: u32,
    /// Held by whoever commits: the number of the last commit.
    sequence: Mutex<u64>,
    head: watch::Sender<Rev>,
    failed: watch::Sender<Option<String>>,
}

impl EmbeddedStore {
    /// Opens the store in a directory, and makes both if they aren't there.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and how to mend it.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let store = Self::with_database(file::create(directory)?)?;
        file::sync_names(directory)?;
        Ok(store)
    }

    /// Opens the store in a directory that holds one, and makes nothing: for whoever asks
    /// about a store, and mustn't find a new one sound.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and when there is none.
    pub fn open_existing(directory: &Path) -> Result<Self, Failure> {
        Self::with_database(file::open(directory)?)
    }

    /// Opens a store over a backend of the caller's, as tests do that cut the power.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_backend(backend: impl StorageBackend) -> Result<Self, Failure> {
        let database = file::builder().create_with_backend(backend);
        Self::with_database(database.map_err(|error| Failure(error.to_string()))?)
    }

    fn with_database(database: Database) -> Result<Self, Failure> {
        let (epoch, sequence) = table::prepare(&database).map_err(failure)?;
        let rev = Rev {
            epoch,
            position: Position::from_sequence(sequence),
        };
        let shared = Shared {
            database,
            epoch,
            sequence: Mutex::new(sequence),
            head: watch::channel(rev).0,
            failed: watch::channel(None).0,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Waits until a commit has failed and says why. The process must stop then.
    pub async fn failed(&self) -> Failure {
        let mut failed = self.shared.failed.subscribe();
        // The borrow must not be held across the wait below: the future is sent between
        // threads.
        let why = failed
            .wait_for(Option::is_some)
            .await
            .map(|why| why.clone());
        match why {
            Ok(why) => Failure(why.unwrap_or_default()),
            Err(_) => std::future::pending().await,
        }
    }
}

impl Store for EmbeddedStore {
    type Transaction = EmbeddedTransaction;
    type Snapshot = EmbeddedSnapshot;

    async fn begin(&self) -> Result<EmbeddedTransaction, Failure> {
        let snapshot = self.shared.snapshot()?;
        Ok(EmbeddedTransaction {
            shared: Arc::clone(&self.shared),
            snapshot,
        })
    }

    async fn snapshot(&self) -> Result<EmbeddedSnapshot, Failure> {
        self.shared.snapshot()
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        let snapshot = self.shared.snapshot()?;
        let oldest = table::low_water_in(&snapshot.table).map_err(failure)?;
        let mut page = LogPage {
            records: Vec::new(),
            oldest: self.shared.rev(oldest),
            head: snapshot.rev,
        };
        let Some(range) = first_behind(after, self.shared.epoch) else {
            return Ok(page);
        };
        let mut bytes = 0;
        for entry in snapshot.entries(&range)? {
            let (key, value) = entry.map_err(failure)?;
            bytes += value.value().len();
            if !page.records.is_empty() && bytes > max_bytes {
                break;
            }
            if let Some(position) = keys::position_of(key.value()) {
                let record = Bytes::copy_from_slice(value.value());
                page.records.push((self.shared.rev(position), record));
            }
        }
        Ok(page)
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        let mut head = self.shared.head.subscribe();
        // Either way the caller looks for itself.
        drop(tokio::time::timeout(at_most, head.wait_for(|head| *head > after)).await);
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        while self.shared.trim(up_to)? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Shared {
    fn rev(&self, position: Position) -> Rev {
        Rev {
            epoch: self.epoch,
            position,
        }
    }

    /// Whether anything may still be done.
    fn check(&self) -> Result<(), Failure> {
        match &*self.failed.borrow() {
            Some(why) => Err(Failure(why.clone())),
            None => Ok(()),
        }
    }

    /// The right to commit.
    fn lock(&self) -> Result<MutexGuard<'_, u64>, Failure> {
        let guard = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        Ok(guard)
    }

    fn snapshot(&self) -> Result<EmbeddedSnapshot, Failure> {
        self.check()?;
        let transaction = self.database.begin_read().map_err(failure)?;
        let table = transaction.open_table(TABLE).map_err(failure)?;
        let sequence = table::sequence_in(&table).map_err(failure)?;
        Ok(EmbeddedSnapshot {
            table,
            rev: self.rev(Position::from_sequence(sequence)),
        })
    }

    /// Makes one step of trimming; whether there are more.
    fn trim(&self, up_to: Position) -> Result<bool, Failure> {
        let sequence = self.lock()?;
        let up_to = Position::from_sequence(up_to.sequence().min(*sequence));
        self.write(|table| table::trim(table, up_to))
    }

    /// Writes and syncs. A failure is final.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T, StorageError>,
    ) -> Result<T, Failure> {
        self.try_write(change).map_err(|error| {
            self.fail(format!(
                "a commit failed, and what is stored is known again only after a restart: {error}"
            ))
        })
    }

    fn try_write<T>(
        &self,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T, StorageError>,
    ) -> Result<T, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        table::durable(&mut transaction)?;
        let changed = change(&mut transaction.open_table(TABLE)?)?;
        transaction.commit()?;
        Ok(changed)
    }

    /// From now on nothing works; the first reason stays.
    fn fail(&self, why: String) -> Failure {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| why.clone());
            first
        });
        Failure(why)
    }
}

/// A transaction of the embedded store.
pub struct EmbeddedTransaction {
    shared: Arc<Shared>,
    snapshot: EmbeddedSnapshot,
}

impl Transaction for EmbeddedTransaction {
    fn rev(&self) -> Rev {
        self.snapshot.rev
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        let loaded: Result<_, Failure> = wants
            .into_iter()
            .map(|want| self.snapshot.load(want))
            .collect();
        // A version never grows too old here. Whoever can't read can't decide either, so
        // this is final, and beginning anew says why.
        loaded.map_err(|why| {
            self.shared.fail(format!("a read failed: {}", why.0));
            Retry::TooOld
        })
    }

    async fn commit(self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        let shared = Arc::clone(&self.shared);
        let Ok(mut sequence) = shared.lock() else {
            // Surely not committed; beginning anew says why.
            return Err((self, Retry::Conflict));
        };
        if *sequence != self.snapshot.rev.position.sequence() {
            return Err((self, Retry::Conflict));
        }
        let position = Position::from_sequence(*sequence + 1);
        let rev = shared.rev(position);
        match shared.write(|table| table::apply(table, &commit, rev)) {
            Ok(()) => {
                *sequence += 1;
                drop(sequence);
                shared.head.send_replace(rev);
                Ok(rev)
            }
            Err(_) => Err((self, Retry::Unknown)),
        }
    }

    async fn again(self, _why: Retry) -> Result<Self, Failure> {
        let snapshot = self.shared.snapshot()?;
        Ok(Self { snapshot, ..self })
    }
}

/// The embedded store at one rev.
pub struct EmbeddedSnapshot {
    table: Table,
    rev: Rev,
}

impl Snapshot for EmbeddedSnapshot {
    fn rev(&self) -> Rev {
        self.rev
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>, Failure> {
        self.read(key)
    }

    async fn range(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        self.first(range, limit)
    }
}

impl EmbeddedSnapshot {
    fn read(&self, key: &[u8]) -> Result<Option<Value>, Failure> {
        Ok(self
            .table
            .get(key)
            .map_err(failure)?
            .map(|value| value.value().to_vec()))
    }

    fn entries(
        &self,
        range: &Range,
    ) -> Result<redb::Range<'static, &'static [u8], &'static [u8]>, Failure> {
        self.table
            .range(range.start.as_slice()..range.end.as_slice())
            .map_err(failure)
    }

    fn first(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        let entries = self.entries(range)?.take(limit);
        let owned = entries
            .map(|entry| entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())));
        owned.collect::<Result<_, _>>().map_err(failure)
    }

    fn load(&self, want: Want) -> Result<Loaded, Failure> {
        Ok(match want {
            Want::Key(key) => {
                let value = self.read(&key)?;
                Loaded::Key(key, value)
            }
            Want::Range(range, limit) => {
                let rows = self.first(&range, limit)?;
                Loaded::Range(range, limit, rows)
            }
        })
    }
}

fn failure(error: impl Into<redb::Error>) -> Failure {
    Failure(error.into().to_string())
}
