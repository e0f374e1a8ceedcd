//! The feed: the log, in order, to every edge that follows it.
//!
//! One task reads the log's tail into memory; each edge has a connection that sends what
//! lies behind its position, from memory or, further back, from the store. Read
//! `ring` for what is remembered and `serve` for what an edge is told.

mod ring;
pub mod serve;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use parterre_domain::{PassPublicKey, Rev, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub use ring::Ring;

use crate::metrics::Metrics;
use crate::store::any::AnyStore;
use crate::store::{Failure, Store};

/// A handle to the tail of the log. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    ring: Arc<Mutex<Ring>>,
    read: Arc<watch::Sender<Read>>,
    closing: Arc<watch::Sender<bool>>,
    /// One for each edge that follows.
    places: Arc<Semaphore>,
    keys: Arc<[PassPublicKey]>,
}

/// The log's end, as last read.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// The rev of the newest record.
    pub head: Rev,
    /// When the read began.
    pub began: Instant,
}

impl Feed {
    /// The tail as it is now, for edges that are told these keys of passes.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn open(store: &AnyStore, keys: Vec<PassPublicKey>) -> Result<Self, Failure> {
        let began = Instant::now();
        let page = store
            .log_after(
                Rev {
                    epoch: u32::MAX,
                    ..Rev::default()
                },
                1,
            )
            .await?;
        let read = watch::channel(Read {
            head: page.head,
            began,
        })
        .0;
        Ok(Self {
            ring: Arc::new(Mutex::new(Ring::new(page.head))),
            read: Arc::new(read),
            closing: Arc::new(watch::channel(false).0),
            places: Arc::new(Semaphore::new(limits::FEED_EDGES)),
            keys: keys.into(),
        })
    }

    /// A place for one more edge; none when the core feeds as many as it can.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Tells every edge that the core stops, and waits until each has been told.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let all = u32::try_from(limits::FEED_EDGES).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
    }

    /// Waits until the core stops.
    async fn closed(&self) {
        crate::told(self.closing.subscribe()).await;
    }

    /// The log's end, and when it was read; wakes whoever waits for news.
    pub fn subscribe(&self) -> watch::Receiver<Read> {
        self.read.subscribe()
    }

    /// Acts on what is remembered.
    pub fn with_ring<T>(&self, act: impl FnOnce(&mut Ring) -> T) -> T {
        act(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows the log for ever. A read that fails makes edges stale, by the age of the
    /// last good one, and is tried again.
    pub async fn follow(self, store: AnyStore, metrics: Metrics) {
        loop {
            let tail = self.with_ring(|ring| ring.newest());
            let began = Instant::now();
            match store.log_after(tail, limits::FEED_FRAME_BYTES).await {
                Ok(page) => {
                    let more = page
                        .records
                        .last()
                        .is_some_and(|(last, _)| *last < page.head);
                    self.with_ring(|ring| ring.extend(&page));
                    metrics
                        .log_head
                        .set(i64::try_from(page.head.position.sequence()).unwrap_or(i64::MAX));
                    if !more {
                        self.read.send_replace(Read {
                            head: page.head,
                            began,
                        });
                        store.wait(page.head, limits::FEED_HEARTBEAT).await;
                    }
                }
                Err(failure) => {
                    tracing::error!(%failure, "the log's end can't be read");
                    tokio::time::sleep(limits::FEED_HEARTBEAT).await;
                }
            }
        }
    }
}
