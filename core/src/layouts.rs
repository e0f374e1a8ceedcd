//! Layouts in memory. A published event's never changes, so one read serves everybody.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parterre_domain::{EventId, EventRecord, Layout, LayoutChunk, keys, limits};

use crate::recent::Recent;
use crate::store::any::{AnySnapshot, AnyStore};
use crate::store::{Failure, Snapshot, Store};

/// A bounded cache of layouts. Cheap to clone.
#[derive(Clone)]
pub struct Layouts {
    store: AnyStore,
    kept: Arc<Mutex<Recent<EventId, Arc<LaidOut>>>>,
}

/// An event as it was at some time, and its layout then.
#[derive(Debug)]
pub struct LaidOut {
    /// Once the event is published, its tiers and its currency never change; all else in
    /// here may be out of date.
    pub record: EventRecord,
    /// Which ticket is which.
    pub layout: Arc<Layout>,
}

impl Layouts {
    /// An empty cache over a store.
    pub fn new(store: AnyStore) -> Self {
        Self {
            store,
            kept: Arc::new(Mutex::new(Recent::new(limits::LAYOUT_TICKETS))),
        }
    }

    /// An event and its layout, as far as they tell what its tickets are; none when there is
    /// no such event. The store isn't asked for what can't have changed.
    ///
    /// # Errors
    ///
    /// When the store fails or a record can't be read.
    pub async fn get(&self, event: EventId) -> Result<Option<Arc<LaidOut>>, Failure> {
        if let Some(kept) = self.kept(event).filter(|kept| kept.record.is_public()) {
            return Ok(Some(kept));
        }
        let snapshot = self.store.snapshot().await?;
        match event_in(&snapshot, event).await? {
            Some(record) => Ok(Some(self.lay_out(&snapshot, record).await?)),
            None => Ok(None),
        }
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
        let laid_out = self.lay_out(snapshot, record.clone()).await?;
        Ok(Arc::clone(&laid_out.layout))
    }

    /// Keeps an event as it is in a snapshot.
    async fn lay_out(
        &self,
        snapshot: &AnySnapshot,
        record: EventRecord,
    ) -> Result<Arc<LaidOut>, Failure> {
        let layout = match self.layout_of(&record) {
            Some(layout) => layout,
            None => Arc::new(load(snapshot, &record).await?),
        };
        let (event, weight) = (record.id, u64::from(record.total));
        let laid_out = Arc::new(LaidOut { record, layout });
        self.lock().insert(event, Arc::clone(&laid_out), weight);
        Ok(laid_out)
    }

    /// The layout that is kept, if the event has had no upload since.
    fn layout_of(&self, record: &EventRecord) -> Option<Arc<Layout>> {
        let kept = self.kept(record.id)?;
        (kept.record.uploads == record.uploads).then(|| Arc::clone(&kept.layout))
    }

    fn kept(&self, event: EventId) -> Option<Arc<LaidOut>> {
        self.lock().get(event).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Recent<EventId, Arc<LaidOut>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
