//! The embedded store: one file of redb in one directory, one writer at a time.
//!
//! Two-phase commit and quick repair are on: both close classes of bugs in redb's recovery,
//! and neither costs anything measurable beside the fsync. An error from a commit is
//! final, because nobody knows what a failed fsync left behind: the store refuses all
//! further work, the process stops, and the next start recovers.
//!
//! A transaction reads a snapshot and remembers its sequence number; it commits only if
//! no other commit came since. With one lane there never is one.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Want, Write, counter};
use parterre_domain::{Position, Rev};
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageBackend,
};
use tokio::sync::watch;

use super::{Commit, Failure, Loaded, LogPage, Retry, Snapshot, Store, Transaction, Value};

const TABLE: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("parterre");
const FILE: &str = "parterre.redb";
/// Pages that redb keeps in memory.
const CACHE_BYTES: usize = 256 << 20;

type Table = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;
type Writer<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

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
        let shown = directory.display();
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure(format!("can't make the directory {shown}: {error}")))?;
        let database = builder().create(directory.join(FILE)).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => Failure(format!(
                "the store in {shown} is open in another process; stop that one or name another directory"
            )),
            error => Failure(format!("can't open the store in {shown}: {error}")),
        })?;
        Self::with_database(database)
    }

    /// Opens a store over a backend of the caller's, as tests do that cut the power.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_backend(backend: impl StorageBackend) -> Result<Self, Failure> {
        let database = builder().create_with_backend(backend);
        Self::with_database(database.map_err(|error| Failure(error.to_string()))?)
    }

    fn with_database(database: Database) -> Result<Self, Failure> {
        let (epoch, sequence) = prepare(&database).map_err(failure)?;
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
        match failed.wait_for(Option::is_some).await {
            Ok(why) => Failure(why.clone().unwrap_or_default()),
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
        let low = snapshot
            .read(keys::LOW_WATER)?
            .and_then(|value| value.try_into().ok());
        let oldest = self.shared.rev(low.map_or(Position::default(), Position));
        let range = Range::prefix(&[keys::LOG]).after(&keys::log(after.position));
        let (mut bytes, mut records) = (0, Vec::new());
        for entry in snapshot.entries(&range)? {
            let (key, value) = entry.map_err(failure)?;
            bytes += value.value().len();
            if !records.is_empty() && bytes > max_bytes {
                break;
            }
            if let Some(position) = keys::position_of(key.value()) {
                records.push((
                    self.shared.rev(position),
                    Bytes::copy_from_slice(value.value()),
                ));
            }
        }
        Ok(LogPage {
            records,
            oldest,
            head: snapshot.rev,
        })
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        let mut head = self.shared.head.subscribe();
        // Either way the caller looks for itself.
        drop(tokio::time::timeout(at_most, head.wait_for(|head| *head > after)).await);
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        let sequence = self.shared.lock()?;
        let up_to = Position::from_sequence(up_to.sequence().min(*sequence));
        let end = Range::prefix(&[keys::LOG]).after(&keys::log(up_to)).start;
        let range = Range {
            start: vec![keys::LOG],
            end,
        };
        self.shared.write(|table| {
            clear_range(table, &range)?;
            table.insert(keys::LOW_WATER, up_to.0.as_slice()).map(drop)
        })
    }
}

impl Shared {
    fn rev(&self, position: Position) -> Rev {
        Rev {
            epoch: self.epoch,
            position,
        }
    }

    /// The right to commit, unless a commit has failed.
    fn lock(&self) -> Result<MutexGuard<'_, u64>, Failure> {
        let guard = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        match self.failed.borrow().clone() {
            Some(why) => Err(Failure(why)),
            None => Ok(guard),
        }
    }

    fn snapshot(&self) -> Result<EmbeddedSnapshot, Failure> {
        let table = self
            .database
            .begin_read()
            .map_err(failure)?
            .open_table(TABLE)
            .map_err(failure)?;
        let sequence = sequence_in(&table).map_err(failure)?;
        Ok(EmbeddedSnapshot {
            table,
            rev: self.rev(Position::from_sequence(sequence)),
        })
    }

    /// Writes and syncs. A failure is final.
    fn write(
        &self,
        change: impl FnOnce(&mut Writer<'_>) -> Result<(), redb::StorageError>,
    ) -> Result<(), Failure> {
        self.try_write(change).map_err(|error| {
            let why = format!("a commit failed and the store must be opened anew: {error}");
            self.failed.send_replace(Some(why.clone()));
            Failure(why)
        })
    }

    fn try_write(
        &self,
        change: impl FnOnce(&mut Writer<'_>) -> Result<(), redb::StorageError>,
    ) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        durable(&mut transaction)?;
        change(&mut transaction.open_table(TABLE)?)?;
        Ok(transaction.commit()?)
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
        // A read that fails leaves nothing to go on with; beginning anew says why.
        wants
            .into_iter()
            .map(|want| self.snapshot.load(want).map_err(|_| Retry::TooOld))
            .collect()
    }

    async fn commit(self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        let shared = Arc::clone(&self.shared);
        let Ok(mut sequence) = shared.lock() else {
            return Err((self, Retry::Unknown));
        };
        if *sequence != self.snapshot.rev.position.sequence() {
            return Err((self, Retry::Conflict));
        }
        let position = Position::from_sequence(*sequence + 1);
        let rev = shared.rev(position);
        match shared.write(|table| apply(table, &commit, rev)) {
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
        drop(self.shared.lock()?);
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

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn durable(transaction: &mut redb::WriteTransaction) -> Result<(), redb::Error> {
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(())
}

/// Reads the epoch and the last commit's number; makes them in a new store.
fn prepare(database: &Database) -> Result<(u32, u64), redb::Error> {
    let mut transaction = database.begin_write()?;
    durable(&mut transaction)?;
    let found = {
        let mut table = transaction.open_table(TABLE)?;
        let epoch = table
            .get(keys::EPOCH)?
            .and_then(|value| value.value().try_into().ok())
            .map(u32::from_be_bytes);
        if epoch.is_none() {
            table.insert(keys::EPOCH, 1_u32.to_be_bytes().as_slice())?;
        }
        (epoch.unwrap_or(1), sequence_in(&table)?)
    };
    transaction.commit()?;
    Ok(found)
}

fn sequence_in(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<u64, redb::StorageError> {
    let value = table.get(keys::SEQUENCE)?;
    Ok(value
        .and_then(|value| value.value().try_into().ok())
        .map_or(0, u64::from_be_bytes))
}

fn apply(table: &mut Writer<'_>, commit: &Commit, rev: Rev) -> Result<(), redb::StorageError> {
    for write in &commit.writes {
        match write {
            Write::Set(key, value) => drop(table.insert(key.as_slice(), value.as_slice())?),
            Write::Clear(key) => drop(table.remove(key.as_slice())?),
            Write::ClearRange(range) => clear_range(table, range)?,
            Write::Add(key, by) => {
                let before = table
                    .get(key.as_slice())?
                    .map_or(0, |value| counter(value.value()));
                table.insert(key.as_slice(), (before + by).to_le_bytes().as_slice())?;
            }
            Write::SetRev(key) => drop(table.insert(key.as_slice(), rev.to_bytes().as_slice())?),
        }
    }
    table.insert(
        commit.marker.key.as_slice(),
        commit.marker.value(rev).as_slice(),
    )?;
    table.insert(keys::log(rev.position).as_slice(), commit.record.as_ref())?;
    table.insert(
        keys::SEQUENCE,
        rev.position.sequence().to_be_bytes().as_slice(),
    )?;
    Ok(())
}

fn clear_range(table: &mut Writer<'_>, range: &Range) -> Result<(), redb::StorageError> {
    let entries = table.range(range.start.as_slice()..range.end.as_slice())?;
    let keys: Vec<Key> = entries
        .map(|entry| entry.map(|(key, _)| key.value().to_vec()))
        .collect::<Result<_, _>>()?;
    for key in keys {
        table.remove(key.as_slice())?;
    }
    Ok(())
}

fn failure(error: impl Into<redb::Error>) -> Failure {
    Failure(error.into().to_string())
}
