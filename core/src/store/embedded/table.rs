//! What is done to the table of the embedded store.

use parterre_domain::Rev;
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Write, counter};
use parterre_domain::{Position, limits};
use redb::{Database, Durability, ReadableTable, StorageError, WriteTransaction};

use crate::store::Commit;

/// The one table: the same keys and values as on every backend.
pub(super) const TABLE: redb::TableDefinition<&[u8], &[u8]> =
    redb::TableDefinition::new("parterre");

pub(super) type Writer<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

/// Makes a transaction's commit survive a power cut at any moment.
pub(super) fn durable(transaction: &mut WriteTransaction) -> Result<(), redb::Error> {
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(())
}

/// Reads the epoch and the last commit's number; makes them in a new store.
pub(super) fn prepare(database: &Database) -> Result<(u32, u64), redb::Error> {
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

/// The number of the last commit.
pub(super) fn sequence_in(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<u64, StorageError> {
    let value = table.get(keys::SEQUENCE)?;
    Ok(value
        .and_then(|value| value.value().try_into().ok())
        .map_or(0, u64::from_be_bytes))
}

/// Everything up to and with this position has been trimmed from the log.
pub(super) fn low_water_in(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Position, StorageError> {
    let value = table.get(keys::LOW_WATER)?;
    Ok(value
        .and_then(|value| value.value().try_into().ok())
        .map_or(Position::default(), Position))
}

/// Writes a commit under its rev.
pub(super) fn apply(table: &mut Writer<'_>, commit: &Commit, rev: Rev) -> Result<(), StorageError> {
    for write in &commit.writes {
        match write {
            Write::Set(key, value) => drop(table.insert(key.as_slice(), value.as_slice())?),
            Write::Clear(key) => drop(table.remove(key.as_slice())?),
            Write::ClearRange(range) => clear(table, range, usize::MAX).map(drop)?,
            Write::Add(key, by) => {
                let before = table
                    .get(key.as_slice())?
                    .map_or(0, |value| counter(value.value()));
                let after = before.wrapping_add(*by);
                table.insert(key.as_slice(), after.to_le_bytes().as_slice())?;
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

/// Drops the oldest records of the log up to and with a position, only so many that
/// sales don't wait long; whether there are more.
pub(super) fn trim(table: &mut Writer<'_>, up_to: Position) -> Result<bool, StorageError> {
    let range = Range {
        start: vec![keys::LOG],
        end: Range::prefix(&[keys::LOG]).after(&keys::log(up_to)).start,
    };
    let cleared = clear(table, &range, limits::TRIMMED_RECORDS)?;
    let more = cleared.len() == limits::TRIMMED_RECORDS;
    let last = cleared.last().and_then(|key| keys::position_of(key));
    let reached = last.filter(|_| more).unwrap_or(up_to);
    if reached > low_water_in(table)? {
        table.insert(keys::LOW_WATER, reached.0.as_slice())?;
    }
    Ok(more)
}

/// Takes away the first so many entries of a range and says which.
fn clear(table: &mut Writer<'_>, range: &Range, limit: usize) -> Result<Vec<Key>, StorageError> {
    let entries = table.range(range.start.as_slice()..range.end.as_slice())?;
    let keys: Vec<Key> = entries
        .take(limit)
        .map(|entry| entry.map(|(key, _)| key.value().to_vec()))
        .collect::<Result<_, _>>()?;
    for key in &keys {
        table.remove(key.as_slice())?;
    }
    Ok(keys)
}
