//! Copies a whole store into another, of whatever kind: how an installation moves to
//! FoundationDB, and back.
//!
//! What the two hold is the same, key for key, except for what a store keeps of itself and
//! its log: the copy begins a new epoch, so every edge and every client begins anew from
//! snapshots. Each piece is committed together with how far the copy has come, so a copy
//! that was interrupted goes on. At the end both are compared; until then no core opens
//! the copy.

use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::Write;
use parterre_domain::{Rev, Timestamp, limits};

use crate::maintenance::commit;
use crate::store::any::{AnySnapshot, AnyStore};
use crate::store::{Failure, Snapshot, Store, Value};

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Entries that both stores hold.
    pub entries: usize,
    /// What revs of the copy begin with.
    pub epoch: u32,
}

/// How far a copy has come.
struct Progress {
    /// What it is a copy of.
    source: Rev,
    /// The last key that it holds.
    last: Key,
}

/// Copies everything, or what an interrupted copy left to do. Nobody may write to either
/// store meanwhile. `said` hears how many entries have been looked at so far.
///
/// # Errors
///
/// When a store fails, the source changes, or the destination holds something else.
pub async fn copy(
    from: &AnyStore,
    to: &AnyStore,
    now: Timestamp,
    mut said: impl FnMut(usize),
) -> Result<Copied, Failure> {
    if is_unfinished(from).await? {
        let why = "the source is a copy that isn't finished";
        return Err(Failure(why.into()));
    }
    let source = from.snapshot().await?;
    let mut progress = begun(&to.snapshot().await?, source.rev()).await?;
    let mut entries = 0;
    for range in copied() {
        let mut left = range.clone().after(&progress.last);
        loop {
            let rows = source.range(&left, limits::COPIED_AT_ONCE).await?;
            let Some((last, _)) = rows.last() else { break };
            left = left.after(last);
            entries += rows.len();
            for piece in pieces(rows) {
                progress.last = piece.last().map(|(key, _)| key.clone()).unwrap_or_default();
                put(to, now, piece, &progress).await?;
            }
            said(entries);
        }
    }
    let entries = same(&source, &to.snapshot().await?).await?;
    let epoch = finish(to, now, source.rev().epoch).await?;
    Ok(Copied { entries, epoch })
}

/// Whether a store is a copy that isn't finished, which no core may open.
pub(crate) async fn is_unfinished(store: &AnyStore) -> Result<bool, Failure> {
    let snapshot = store.snapshot().await?;
    Ok(snapshot.get(&keys::COPY.to_vec()).await?.is_some())
}

/// The keys that are copied, in order: all but a store's own and the log. Of a store's own
/// the creation window goes along.
fn copied() -> [Range; 3] {
    let up_to_own = Range {
        start: Vec::new(),
        end: b"m".to_vec(),
    };
    let window = Range {
        start: keys::CREATION_WINDOW.to_vec(),
        end: [keys::CREATION_WINDOW, &[0]].concat(),
    };
    let behind_own = Range {
        start: b"n".to_vec(),
        end: vec![keys::LOG],
    };
    [up_to_own, window, behind_own]
}

async fn begun(to: &AnySnapshot, source: Rev) -> Result<Progress, Failure> {
    if let Some(value) = to.get(&keys::COPY.to_vec()).await? {
        let progress = Progress::read(&value);
        return match progress {
            Some(progress) if progress.source == source => Ok(progress),
            _ => Err(Failure(
                "the destination is a copy of something else, or the source has changed since; \
                 empty the destination and begin again"
                    .into(),
            )),
        };
    }
    for range in copied() {
        if !to.range(&range, 1).await?.is_empty() {
            return Err(Failure(
                "the destination holds a store already; name an empty one".into(),
            ));
        }
    }
    Ok(Progress {
        source,
        last: Key::new(),
    })
}

/// Entries parted so that each part fits in one transaction.
fn pieces(rows: Vec<(Key, Value)>) -> Vec<Vec<(Key, Value)>> {
    let mut pieces: Vec<Vec<(Key, Value)>> = Vec::new();
    let mut bytes = usize::MAX;
    for (key, value) in rows {
        let weight = key.len() + value.len();
        if bytes.saturating_add(weight) > limits::TRANSACTION_BYTES / 2 {
            pieces.push(Vec::new());
            bytes = 0;
        }
        bytes += weight;
        if let Some(piece) = pieces.last_mut() {
            piece.push((key, value));
        }
    }
    pieces
}

async fn put(
    to: &AnyStore,
    now: Timestamp,
    piece: Vec<(Key, Value)>,
    progress: &Progress,
) -> Result<(), Failure> {
    let sets = piece.into_iter().map(|(key, value)| Write::Set(key, value));
    let note = Write::Set(keys::COPY.to_vec(), progress.value());
    commit(to, now, None, sets.chain([note]).collect()).await
}

/// Compares what was copied; how many entries that is.
async fn same(source: &AnySnapshot, copy: &AnySnapshot) -> Result<usize, Failure> {
    let mut entries = 0;
    for range in copied() {
        let mut left = range;
        loop {
            let rows = source.range(&left, limits::COPIED_AT_ONCE).await?;
            if rows != copy.range(&left, limits::COPIED_AT_ONCE).await? {
                return Err(Failure(
                    "the copy differs from its source; empty the destination and begin again"
                        .into(),
                ));
            }
            entries += rows.len();
            match rows.last() {
                Some((last, _)) => left = left.after(last),
                None => break,
            }
        }
    }
    Ok(entries)
}

/// Makes the copy a store of its own, under an epoch that neither has had.
async fn finish(to: &AnyStore, now: Timestamp, source: u32) -> Result<u32, Failure> {
    let own = to.snapshot().await?.rev().epoch;
    let epoch = source.max(own) + 1;
    let writes = vec![
        Write::Set(keys::EPOCH.to_vec(), epoch.to_be_bytes().to_vec()),
        Write::SetRev(keys::EPOCH_BEGAN.to_vec()),
        Write::Clear(keys::COPY.to_vec()),
    ];
    commit(to, now, None, writes).await?;
    Ok(epoch)
}

impl Progress {
    fn value(&self) -> Value {
        [self.source.to_bytes().as_slice(), &self.last].concat()
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (source, last) = value.split_first_chunk::<14>()?;
        Some(Self {
            source: Rev::from_bytes(*source),
            last: last.to_vec(),
        })
    }
}
