//! The FoundationDB store: for whoever outgrows one machine, or can't afford to lose one.
//!
//! Any number of cores share a cluster and know nothing of each other. What one commits
//! is a transaction of FoundationDB: it reads serializably, and FoundationDB puts its
//! versionstamp into the key of its record in the log. A position is that stamp, so the
//! log is in the order of effect whoever writes it.
//!
//! Every commit also rings the doorbell ([`keys::DOORBELL`]): a key that holds the stamp of
//! the newest commit. Whoever reads it knows which record is the newest at the version
//! that it reads at, and whoever watches it is told of the next one.
//!
//! Two rules of the house have their reason here. Transactions have no time limit of
//! FoundationDB's, and the futures of a batch's commits are never dropped: a commit that is
//! abandoned may go in later. And a read that isn't answered for [`limits::STORE_PATIENCE`]
//! is given up, for FoundationDB itself would wait for its cluster for ever.

mod code;
mod network;
mod snapshot;
mod transaction;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foundationdb::future::FdbKeyValue;
use foundationdb::options::{MutationType, StreamingMode};
use foundationdb::{Database, FdbError, FdbResult, KeySelector, RangeOption, Transaction as Trx};
use futures_util::future;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::{Position, Rev, limits};
use tokio::sync::watch;

pub use self::network::{Faults, Network};
pub use self::snapshot::FdbSnapshot;
pub use self::transaction::FdbTransaction;
use super::{Failure, LogPage, Snapshot, Store, Value, first_behind};

/// What a store that nobody has written to begins with.
const FIRST_EPOCH: u32 = 1;

/// A cluster of FoundationDB.
#[derive(Clone)]
pub struct FdbStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    /// The newest rev that this process committed.
    own: watch::Sender<Rev>,
}

impl FdbStore {
    /// Opens a cluster by its cluster file, and makes a store of it if it is empty. The
    /// [`Network`] must have been started.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and how to mend it.
    pub async fn open(cluster_file: &Path) -> Result<Self, Failure> {
        let store = Self::of(cluster_file)?;
        patiently(prepare(&store.shared))
            .await
            .map_err(|failure| unusable(cluster_file, &failure))?;
        Ok(store)
    }

    /// Opens a cluster that holds a store.
    ///
    /// # Errors
    ///
    /// The same, and when it holds none.
    pub async fn open_existing(cluster_file: &Path) -> Result<Self, Failure> {
        let store = Self::of(cluster_file)?;
        let snapshot = store.snapshot().await;
        let snapshot = snapshot.map_err(|failure| unusable(cluster_file, &failure))?;
        match snapshot.get(&keys::EPOCH.to_vec()).await? {
            Some(_) => Ok(store),
            None => Err(Failure(format!(
                "there is no store in the cluster of {}; name the one that a core was given",
                cluster_file.display()
            ))),
        }
    }

    fn of(cluster_file: &Path) -> Result<Self, Failure> {
        let shown = cluster_file.display();
        if !cluster_file.is_file() {
            return Err(Failure(format!(
                "there is no cluster file {shown}; FoundationDB's own is /etc/foundationdb/fdb.cluster"
            )));
        }
        let path = cluster_file
            .to_str()
            .ok_or_else(|| Failure(format!("the path of the cluster file {shown} isn't UTF-8")))?;
        let database = Database::from_path(path)
            .map_err(|error| Failure(format!("can't open the cluster of {shown}: {error}")))?;
        let shared = Arc::new(Shared {
            database,
            own: watch::channel(Rev::default()).0,
        });
        Ok(Self { shared })
    }
}

fn unusable(cluster_file: &Path, failure: &Failure) -> Failure {
    let shown = cluster_file.display();
    Failure(format!(
        "the cluster of {shown} can't be used ({}); see fdbcli -C {shown} --exec status",
        failure.0
    ))
}

impl Store for FdbStore {
    type Transaction = FdbTransaction;
    type Snapshot = FdbSnapshot;

    async fn begin(&self) -> Result<FdbTransaction, Failure> {
        FdbTransaction::begin(Arc::clone(&self.shared)).await
    }

    async fn snapshot(&self) -> Result<FdbSnapshot, Failure> {
        FdbSnapshot::take(Arc::clone(&self.shared)).await
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        let reading = async {
            let mut trx = self.shared.begin()?;
            loop {
                match log_page(&trx, after, max_bytes).await {
                    Ok(page) => return Ok(page),
                    Err(error) => trx = anew(trx, error).await?,
                }
            }
        };
        patiently(reading).await
    }

    /// The doorbell, this process's own commits and the time, whichever comes first: a
    /// watch of FoundationDB 7.3 can get stuck, and is never the truth.
    async fn wait(&self, after: Rev, at_most: Duration) {
        let mut own = self.shared.own.subscribe();
        let news = async {
            tokio::select! {
                _ = own.wait_for(|own| *own > after) => {}
                () = self.rung(after) => {}
            }
        };
        // Either way the caller looks for itself.
        drop(tokio::time::timeout(at_most, news).await);
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        let trimming = async {
            let mut trx = self.shared.begin()?;
            loop {
                trx = match trim(&trx, up_to).await {
                    Err(error) => anew(trx, error).await?,
                    Ok(()) => match trx.commit().await {
                        Ok(_) => return Ok(()),
                        Err(refused) => refused.on_error().await.map_err(failure)?,
                    },
                }
            }
        };
        patiently(trimming).await
    }
}

impl FdbStore {
    /// Waits until somebody has committed behind a rev. Without a cluster that is never.
    async fn rung(&self, after: Rev) {
        let watched = async {
            let trx = self.shared.database.create_trx()?;
            if newest(&trx, true).await? > after {
                return Ok(());
            }
            let rung = trx.watch(keys::DOORBELL);
            // A watch begins to tell when its transaction has been committed.
            trx.commit().await.map_err(|error| *error)?;
            rung.await
        };
        let watched: FdbResult<()> = watched.await;
        if watched.is_err() {
            future::pending::<()>().await;
        }
    }
}

impl Shared {
    /// Wakes whoever waits for news of this process's own.
    fn committed(&self, rev: Rev) {
        self.own.send_if_modified(|own| {
            let newer = rev > *own;
            *own = rev.max(*own);
            newer
        });
    }

    fn begin(&self) -> Result<Trx, Failure> {
        self.database.create_trx().map_err(failure)
    }
}

/// The transaction at a new version, after the wait that FoundationDB finds right. What it
/// doesn't hold for passing is a failure.
async fn anew(trx: Trx, error: FdbError) -> Result<Trx, Failure> {
    if error.code() == code::LOCKED {
        let why = "the database is locked, as it is while fdbrestore works";
        return Err(Failure(why.to_owned()));
    }
    trx.on_error(error).await.map_err(failure)
}

/// A transaction that has read where the store stands; see [`newest`].
async fn begun(shared: &Shared, blind: bool) -> Result<(Trx, Rev), Failure> {
    begun_with(shared.begin()?, blind).await
}

async fn begun_with(mut trx: Trx, blind: bool) -> Result<(Trx, Rev), Failure> {
    loop {
        match newest(&trx, blind).await {
            Ok(rev) => return Ok((trx, rev)),
            Err(error) => trx = anew(trx, error).await?,
        }
    }
}

/// The rev of the newest record at the version that a transaction reads at: the store's
/// epoch, and what the doorbell holds. With `blind` nothing is added to what the
/// transaction conflicts with; otherwise the epoch is.
async fn newest(trx: &Trx, blind: bool) -> FdbResult<Rev> {
    let (epoch, bell) =
        future::try_join(trx.get(keys::EPOCH, blind), trx.get(keys::DOORBELL, true)).await?;
    Ok(Rev {
        epoch: number(epoch.as_deref()).unwrap_or(FIRST_EPOCH),
        position: position(bell.as_deref()),
    })
}

fn number(value: Option<&[u8]>) -> Option<u32> {
    value?.try_into().ok().map(u32::from_be_bytes)
}

fn position(value: Option<&[u8]>) -> Position {
    let bytes = value.and_then(|value| value.try_into().ok());
    bytes.map_or(Position::default(), Position)
}

/// Gives a new store its epoch. What isn't a store stays as it is.
async fn prepare(shared: &Shared) -> Result<(), Failure> {
    let everything = Range {
        start: Vec::new(),
        end: vec![u8::MAX],
    };
    let first = RangeOption {
        limit: Some(1),
        ..of_range(&everything)
    };
    let mut trx = shared.begin()?;
    loop {
        let found =
            future::try_join(trx.get(keys::EPOCH, false), trx.get_range(&first, 1, false)).await;
        trx = match found {
            Ok((Some(_), _)) => return Ok(()),
            Ok((None, rows)) if !rows.is_empty() => {
                let why =
                    "it holds something else than a store; give Parterre a cluster of its own";
                return Err(Failure(why.to_owned()));
            }
            Err(error) => anew(trx, error).await?,
            Ok((None, _)) => {
                trx.set(keys::EPOCH, &FIRST_EPOCH.to_be_bytes());
                match trx.commit().await {
                    Ok(_) => return Ok(()),
                    Err(refused) => refused.on_error().await.map_err(failure)?,
                }
            }
        };
    }
}

async fn log_page(trx: &Trx, after: Rev, max_bytes: usize) -> FdbResult<LogPage> {
    let (head, low) = future::try_join(newest(trx, true), trx.get(keys::LOW_WATER, true)).await?;
    let rev = |position| Rev { position, ..head };
    let mut page = LogPage {
        records: Vec::new(),
        oldest: rev(position(low.as_deref())),
        head,
    };
    let Some(range) = first_behind(after, head.epoch) else {
        return Ok(page);
    };
    let mut bytes = 0;
    let mut rest = Some(of_range(&range));
    // FoundationDB gives some 80 kB at once, whatever it is asked for.
    while let Some(option) = rest {
        let entries = trx.get_range(&option, 1, true).await?;
        for entry in &entries {
            bytes += entry.value().len();
            if !page.records.is_empty() && bytes > max_bytes {
                return Ok(page);
            }
            if let Some(position) = keys::position_of(entry.key()) {
                let record = Bytes::copy_from_slice(entry.value());
                page.records.push((rev(position), record));
            }
        }
        rest = option.next_range(&entries);
    }
    Ok(page)
}

/// Clears a stretch of the log. A range costs FoundationDB its two ends, however much lies
/// between them, so there are no steps.
async fn trim(trx: &Trx, up_to: Position) -> FdbResult<()> {
    let (head, low) = future::try_join(newest(trx, true), trx.get(keys::LOW_WATER, false)).await?;
    let up_to = up_to.min(head.position);
    let behind = Range::prefix(&[keys::LOG]).after(&keys::log(up_to));
    trx.clear_range(&[keys::LOG], &behind.start);
    if up_to > position(low.as_deref()) {
        trx.set(keys::LOW_WATER, &up_to.0);
    }
    Ok(())
}

fn row(entry: &FdbKeyValue) -> (Key, Value) {
    (entry.key().to_vec(), entry.value().to_vec())
}

fn of_range(range: &Range) -> RangeOption<'_> {
    RangeOption {
        mode: StreamingMode::WantAll,
        ..RangeOption::from((
            KeySelector::first_greater_or_equal(range.start.as_slice()),
            KeySelector::first_greater_or_equal(range.end.as_slice()),
        ))
    }
}

/// Puts what is given before the stamp, and the stamp that the commit will get behind it.
fn put_stamped(trx: &Trx, key: &[u8], before: &[u8]) {
    let stamped = with_stamp(before);
    trx.atomic_op(key, &stamped, MutationType::SetVersionstampedValue);
}

/// Bytes, room for a stamp, and where that room is: what FoundationDB's operations with a
/// stamp take since its API version 520.
fn with_stamp(before: &[u8]) -> Vec<u8> {
    let at = u32::try_from(before.len()).unwrap_or(u32::MAX);
    [before, &Position::default().0, &at.to_le_bytes()].concat()
}

/// Waits only so long for what can be given up without harm.
async fn patiently<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(limits::STORE_PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure(format!(
            "FoundationDB hasn't answered for {} s",
            limits::STORE_PATIENCE.as_secs()
        ))),
    }
}

fn failure(error: FdbError) -> Failure {
    Failure(format!("{error} (FoundationDB's error {})", error.code()))
}
