//! The store: below the rules, above a database. It knows keys, values and commits, and
//! nothing of tickets.
//!
//! # What every backend promises
//!
//! - **Transactions are strictly serializable.** A transaction reads one version of the
//!   store, sees none of its own writes, and commits only if nothing it loaded has been
//!   changed since by another commit. Loading an absent key counts: two transactions that
//!   load the same absent key and set it cannot both commit.
//! - **A commit is whole and durable** before [`Transaction::commit`] answers.
//! - **Every commit has one record in the log** and a [`Rev`] greater than every rev
//!   before it, across all processes. Reading at version R sees every record ≤ R and
//!   none after, so a snapshot with [`Snapshot::rev`] R is exact: fold the log behind R
//!   over it.
//! - **The epoch** ([`keys::EPOCH`]) is read serializably by every transaction: no commit
//!   lands in the log under an epoch that has ended.
//! - **An unknown outcome is said to be one** ([`Retry::Unknown`]): the commit may be in.
//!   Once it has been reported it is settled: it is in or never will be. The marker, read
//!   in the next attempt, tells which.
//! - Values and keys over the limits never arrive: the driver checks them, the same for
//!   all.
//!
//! `conformance` holds every backend to these.

pub mod any;
pub mod embedded;
#[cfg(feature = "fdb")]
pub mod fdb;
pub mod memory;

use std::cmp::Ordering;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Want, Write};
use parterre_domain::{Position, Rev};

/// A value of the store.
pub type Value = Vec<u8>;

/// A database that can hold Parterre's state. Cheap to clone: all clones are one store.
pub trait Store: Clone + Send + Sync + 'static {
    /// See [`Transaction`].
    type Transaction: Transaction;
    /// See [`Snapshot`].
    type Snapshot: Snapshot;

    /// Begins a serializable transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction, Failure>> + Send;

    /// A view of the whole store at one rev, for reads that decide nothing.
    fn snapshot(&self) -> impl Future<Output = Result<Self::Snapshot, Failure>> + Send;

    /// Records of the log behind `after`, in order, as many as fit in `max_bytes` (at
    /// least one if there is one), and the log's end by a fresh read.
    /// [`LogPage::oldest`] later than `after` means that records between were trimmed.
    /// The whole log lies behind a rev of an earlier epoch, and nothing behind one of a
    /// later epoch.
    fn log_after(
        &self,
        after: Rev,
        max_bytes: usize,
    ) -> impl Future<Output = Result<LogPage, Failure>> + Send;

    /// Waits until there may be records behind `after`, at most so long. A hint, never
    /// the truth: it may wake early and must wake when the time is over.
    fn wait(&self, after: Rev, at_most: Duration) -> impl Future<Output = ()> + Send;

    /// Drops records of the log up to and with a position, or its end if that comes
    /// first, and moves the low-water mark, never back. May do so in several commits,
    /// which get no rev.
    fn trim_log(&self, up_to: Position) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A serializable transaction: load, then commit once.
pub trait Transaction: Send + Sized {
    /// The version that it reads: what it loads is the store as of this rev.
    fn rev(&self) -> Rev;

    /// Loads keys and the beginnings of ranges, in parallel where the backend can.
    fn load(&mut self, wants: Vec<Want>)
    -> impl Future<Output = Result<Vec<Loaded>, Retry>> + Send;

    /// Commits. On [`Retry`] the transaction comes back for [`Transaction::again`].
    fn commit(self, commit: Commit) -> impl Future<Output = Result<Rev, (Self, Retry)>> + Send;

    /// Begins anew at a fresh version after a retry, with the backend's own backoff.
    fn again(self, why: Retry) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// The store at one rev.
pub trait Snapshot: Send + Sync {
    /// The version: every record of the log ≤ this is in the view, none after.
    fn rev(&self) -> Rev;

    /// One value.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Value>, Failure>> + Send;

    /// The first `limit` entries of a range, in key order.
    fn range(
        &self,
        range: &Range,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Value)>, Failure>> + Send;
}

/// What a transaction loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A key, present or absent.
    Key(Key, Option<Value>),
    /// The first so many entries of a range.
    Range(Range, usize, Vec<(Key, Value)>),
}

/// All that one batch changes.
#[derive(Clone, Debug)]
pub struct Commit {
    /// In the order of effect.
    pub writes: Vec<Write>,
    /// The encoded [`parterre_domain::LogRecord`].
    pub record: Bytes,
    /// Written with the commit's rev, so that an unknown outcome can be settled: the key
    /// is the lane's, the value this batch's id (16 bytes) followed by the rev (14).
    pub marker: Marker,
}

/// Identifies one batch of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Where the lane keeps its marker.
    pub key: Key,
    /// This batch.
    pub batch: [u8; 16],
}

impl Marker {
    /// The rev under which this batch is in the store, given the value under its key.
    pub fn committed(&self, value: Option<&Value>) -> Option<Rev> {
        let (batch, rev) = value?.split_first_chunk::<16>()?;
        (*batch == self.batch).then_some(())?;
        rev.try_into().ok().map(Rev::from_bytes)
    }

    /// The value that marks this batch as committed at a rev.
    pub fn value(&self, rev: Rev) -> Value {
        [self.batch.as_slice(), &rev.to_bytes()].concat()
    }
}

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Records behind the asked-for rev, in order, encoded.
    pub records: Vec<(Rev, Bytes)>,
    /// Everything up to and with this rev has been trimmed.
    pub oldest: Rev,
    /// The rev of the newest record, by a read made for this call.
    pub head: Rev,
}

/// Why an attempt must be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Retry {
    /// Something loaded was changed by another commit.
    #[error("conflict")]
    Conflict,
    /// The version read is too old to be used.
    #[error("the transaction is too old")]
    TooOld,
    /// The commit may or may not be in.
    #[error("the outcome of the commit is unknown")]
    Unknown,
    /// The commit is too large for the backend; it isn't in.
    #[error("the transaction is too large")]
    TooLarge,
}

/// The store can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct Failure(pub String);

/// Where in a log of `epoch` the records behind a rev lie, if there can be any.
fn first_behind(after: Rev, epoch: u32) -> Option<Range> {
    let from = match after.epoch.cmp(&epoch) {
        Ordering::Less => Position::default(),
        Ordering::Equal => after.position,
        Ordering::Greater => return None,
    };
    Some(Range::prefix(&[keys::LOG]).after(&keys::log(from)))
}
