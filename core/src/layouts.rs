//! Layouts in memory. They never change, so one read serves everybody.

use std::sync::{Arc, Mutex, PoisonError};

use parterre_domain::{EventId, EventRecord, Layout, LayoutChunk, UploadId, keys, limits};

use crate::recent::Recent;
use crate::store::any::{AnySnapshot, AnyStore};
use crate::store::{Failure, Snapshot, Store};

/// A bounded cache of layouts. Cheap to clone.
#[derive(Clone)]
pub struct Layouts {
    store: AnyStore,
    kept: Arc<Mutex<Recent<Name, Arc<Layout>>>>,
}

/// A draft's layout grows with each upload, so the last upload is part of the name.
type Name = (EventId, Option<UploadId>);

impl Layouts {
    /// An empty cache over a store.
    pub fn new(store: AnyStore) -> Self {
        Self {
            store,
            kept: Arc::new(Mutex::new(Recent::new(limits::LAYOUT_TICKETS))),
        }
    }

    /// An event's record as it is now, and its layout; none when there is no such event.
    ///
    /// # Errors
    ///
    /// When the store fails or a record can't be read.
    pub async fn get(&self, event: EventId) -> Result<Option<(EventRecord, Arc<Layout>)>, Failure> {
        let snapshot = self.store.snapshot().await?;
        let Some(record) = event_in(&snapshot, event).await? else {
            return Ok(None);
        };
        let layout = self.of(&snapshot, &record).await?;
        Ok(Some((record, layout)))
    }

    /// The layout of an event as a snapshot has it.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn of(
        &self,
        snapshot: &AnySnapshot,
        record: &EventRecord,
    ) -> Result<Arc<Layout>, Failure> {
        let name = (record.id, record.uploads.last().map(|upload| upload.id));
        if let Some(layout) = self.lock(|kept| kept.get(name).cloned()) {
            return Ok(layout);
        }
        let layout = Arc::new(load(snapshot, record).await?);
        let weight = u64::from(record.total);
        self.lock(|kept| kept.insert(name, Arc::clone(&layout), weight));
        Ok(layout)
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Recent<Name, Arc<Layout>>) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An event's record in a snapshot.
///
/// # Errors
///
/// When the store fails or the record can't be read.
pub async fn event_in(
    snapshot: &AnySnapshot,
    event: EventId,
) -> Result<Option<EventRecord>, Failure> {
    read(snapshot, &keys::event(event)).await
}

/// A record in a snapshot.
///
/// # Errors
///
/// When the store fails or the record can't be read.
pub async fn read<T: serde::de::DeserializeOwned>(
    snapshot: &AnySnapshot,
    key: &keys::Key,
) -> Result<Option<T>, Failure> {
    let value = snapshot.get(key).await?;
    value.map(|value| decode(key, &value)).transpose()
}

/// Decodes a stored record.
///
/// # Errors
///
/// When it can't be read; says which.
pub fn decode<T: serde::de::DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Failure> {
    parterre_domain::decode(value)
        .map_err(|error| Failure(format!("record {}: {error}", key.escape_ascii())))
}

async fn load(snapshot: &AnySnapshot, record: &EventRecord) -> Result<Layout, Failure> {
    let mut chunks: Vec<LayoutChunk> = Vec::new();
    for upload in &record.uploads {
        for (key, value) in snapshot
            .range(&keys::chunks(upload.id), upload.chunks as usize)
            .await?
        {
            chunks.push(decode(&key, &value)?);
        }
    }
    Ok(Layout::from_chunks(chunks))
}
