//! Snapshots for edges: the catalog, one event, one layout; each true at one rev.

use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use futures_util::{StreamExt, TryStreamExt, stream};
use parterre_domain::state::{TicketRecord, counter};
use parterre_domain::wire::feed::{CatalogEntry, CatalogPage, EventSnapshot, LayoutPage};
use parterre_domain::{
    Counts, CountsChange, EventId, EventRecord, ReservationRecord, Rev, TicketState, hex, keys,
    limits,
};

use crate::layouts::{event_in, read};
use crate::planning::states_in;
use crate::store::any::{AnySnapshot, AnyStore};
use crate::store::{Failure, Snapshot, Store};

/// One page of the catalog: published events behind a cursor, in the order of dates.
///
/// # Errors
///
/// When the store fails.
pub async fn catalog(store: &AnyStore, after: Option<&str>) -> Result<CatalogPage, Failure> {
    let snapshot = store.snapshot().await?;
    let mut range = keys::all_by_date();
    if let Some(key) = after.and_then(from_hex) {
        range = range.after(&key);
    }
    let rows = snapshot.range(&range, limits::CATALOG_PAGE).await?;
    let full = rows.len() == limits::CATALOG_PAGE;
    let next = rows.last().filter(|_| full).map(|(key, _)| hex(key));
    let dated: Vec<EventId> = rows
        .iter()
        .filter_map(|(key, _)| keys::dated_event_of(key))
        .collect();
    let entries = dated.into_iter().map(|event| entry(&snapshot, event));
    let entries: Vec<Option<CatalogEntry>> = stream::iter(entries)
        .buffered(limits::READS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(CatalogPage {
        read_at: snapshot.rev(),
        events: entries.into_iter().flatten().collect(),
        next,
    })
}

async fn entry(snapshot: &AnySnapshot, event: EventId) -> Result<Option<CatalogEntry>, Failure> {
    let Some(record) = event_in(snapshot, event).await? else {
        return Ok(None);
    };
    let (counts, rev) = try_join(counts(snapshot, &record), event_rev(snapshot, event)).await?;
    Ok(Some(CatalogEntry {
        record,
        counts,
        rev,
    }))
}

/// One event with its tickets' states; drafts too.
///
/// # Errors
///
/// When the store fails.
pub async fn event(store: &AnyStore, event: EventId) -> Result<Option<EventSnapshot>, Failure> {
    let snapshot = store.snapshot().await?;
    let Some(record) = event_in(&snapshot, event).await? else {
        return Ok(None);
    };
    let states = states_in(&snapshot, &record).await?;
    let rev = event_rev(&snapshot, event).await?;
    Ok(Some(EventSnapshot {
        read_at: snapshot.rev(),
        record,
        rev,
        states,
    }))
}

/// Some chunks of an event's layout, from the `from`-th on.
///
/// # Errors
///
/// When the store fails.
pub async fn layout(
    store: &AnyStore,
    event: EventId,
    from: u32,
) -> Result<Option<LayoutPage>, Failure> {
    let snapshot = store.snapshot().await?;
    let Some(record) = event_in(&snapshot, event).await? else {
        return Ok(None);
    };
    let all = record
        .uploads
        .iter()
        .flat_map(|upload| (0..upload.chunks).map(|number| keys::chunk(upload.id, number)));
    let mut wanted = all.skip(from as usize);
    let page: Vec<_> = wanted.by_ref().take(limits::LAYOUT_PAGE_CHUNKS).collect();
    let chunks = try_join_all(page.iter().map(|key| chunk(&snapshot, key))).await?;
    let read = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    Ok(Some(LayoutPage {
        chunks,
        next: wanted.next().map(|_| from + read),
    }))
}

async fn chunk(snapshot: &AnySnapshot, key: &keys::Key) -> Result<Bytes, Failure> {
    let value = snapshot.get(key).await?;
    let value = value.ok_or_else(|| Failure(format!("chunk {} is missing", key.escape_ascii())))?;
    Ok(Bytes::from(value))
}

/// An event's counts, from its counters.
///
/// # Errors
///
/// When the store fails.
pub async fn counts(snapshot: &AnySnapshot, record: &EventRecord) -> Result<Counts, Failure> {
    let mut change = CountsChange::default();
    for (key, value) in snapshot
        .range(&keys::counters(record.id), TicketState::ALL.len())
        .await?
    {
        let count = i32::try_from(counter(&value)).unwrap_or(0);
        match key.last() {
            Some(1) => change.pending = count,
            Some(2) => change.sold = count,
            Some(3) => change.withdrawn = count,
            _ => {}
        }
    }
    Ok(Counts::all_free(record.total).after(change))
}

/// The states that a reservation's tickets are in, in its order. Once they have left it,
/// somebody else may have them.
///
/// # Errors
///
/// When the store fails or a record can't be read.
pub async fn states_of(
    snapshot: &AnySnapshot,
    reservation: &ReservationRecord,
) -> Result<Vec<TicketState>, Failure> {
    if let Some(state) = reservation.state.of_its_tickets() {
        return Ok(vec![state; reservation.tickets.len()]);
    }
    let states = reservation.tickets.iter().map(async |ticket| {
        let key = keys::ticket(reservation.event, ticket.id);
        let record: Option<TicketRecord> = read(snapshot, &key).await?;
        Ok(TicketRecord::state_of(record.as_ref()))
    });
    try_join_all(states).await
}

/// The last commit that touched an event.
///
/// # Errors
///
/// When the store fails.
pub async fn event_rev(snapshot: &AnySnapshot, event: EventId) -> Result<Rev, Failure> {
    let epoch = snapshot.rev().epoch;
    match rev_at(snapshot, &keys::event_rev(event)).await? {
        Some(rev) if rev.epoch == epoch => Ok(rev),
        // What the old epoch called its revs may have been other commits.
        Some(rev) => {
            let began = rev_at(snapshot, &keys::EPOCH_BEGAN.to_vec()).await?;
            let position = began.unwrap_or(rev).position;
            Ok(Rev { epoch, position })
        }
        None => Ok(snapshot.rev()),
    }
}

async fn rev_at(snapshot: &AnySnapshot, key: &keys::Key) -> Result<Option<Rev>, Failure> {
    let bytes = snapshot.get(key).await?;
    let bytes = bytes.and_then(|value| value.try_into().ok());
    Ok(bytes.map(Rev::from_bytes))
}

/// The key that a cursor names; none for a text that is no cursor.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits =
        digits.filter(|digits| digits.len() % 2 == 0 && digits.len() <= limits::CURSOR_DIGITS)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}
