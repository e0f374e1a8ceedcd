//! Snapshots for edges: the catalog, one event, one layout; each true at one rev.

use bytes::Bytes;
use parterre_domain::state::counter;
use parterre_domain::wire::feed::{CatalogEntry, CatalogPage, EventSnapshot, LayoutPage};
use parterre_domain::{Counts, CountsChange, EventId, EventRecord, Rev, TicketState, keys, limits};

use crate::layouts::event_in;
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
    let next = rows.last().filter(|_| full).map(|(key, _)| to_hex(key));
    let mut events = Vec::with_capacity(rows.len());
    for event in rows.iter().filter_map(|(key, _)| keys::dated_event_of(key)) {
        if let Some(record) = event_in(&snapshot, event).await? {
            let counts = counts(&snapshot, &record).await?;
            let rev = event_rev(&snapshot, event).await?;
            events.push(CatalogEntry {
                record,
                counts,
                rev,
            });
        }
    }
    Ok(CatalogPage {
        read_at: snapshot.rev(),
        events,
        next,
    })
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
    let mut chunks = Vec::new();
    for key in wanted.by_ref().take(limits::LAYOUT_PAGE_CHUNKS) {
        let value = snapshot.get(&key).await?;
        chunks.push(Bytes::from(value.ok_or_else(|| {
            Failure(format!("chunk {} is missing", key.escape_ascii()))
        })?));
    }
    let read = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    Ok(Some(LayoutPage {
        chunks,
        next: wanted.next().map(|_| from + read),
    }))
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

/// A key as a cursor.
pub(crate) fn to_hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
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
