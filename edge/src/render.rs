//! Bodies of answers: rendered on first use, at most once for each rev, kept in the cell.
//!
//! A short body is rendered where it is asked for. A long one is rendered off the shards,
//! once however many ask; until it is ready the one before goes on being served under its
//! own rev and tag, for at most [`limits::LIST_AGE`] after it became old.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use parterre_domain::wire::api::{Availability, EventDetail, LayoutBody};
use parterre_domain::wire::feed::checksum;
use parterre_domain::{Rev, limits};

use crate::cell::{Cell, View};

/// What a body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `EventDetail`.
    Detail,
    /// `Layout`.
    Layout,
    /// `Availability`.
    Availability,
}

/// In which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
}

/// In which encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
}

/// What distinguishes the bodies of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyKey {
    /// What it says.
    pub kind: Kind,
    /// In which format.
    pub format: Format,
    /// In which encoding.
    pub encoding: Encoding,
}

/// A body that is ready to be sent, with the headers that go with it.
#[derive(Debug)]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// Its strong tag, quoted.
    pub etag: HeaderValue,
    /// The rev that it is true for, as text.
    pub rev_text: HeaderValue,
    rev: Rev,
    superseded: Arc<OnceLock<Instant>>,
}

const KINDS: usize = 3;
const FORMATS: usize = 1;
const ENCODINGS: usize = 1;

/// The rendered bodies of one cell.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    slots: [Slot; KINDS * FORMATS * ENCODINGS],
}

#[derive(Debug, Default)]
struct Slot {
    ready: ArcSwapOption<Body>,
    /// Held by whoever renders off the shards.
    rendering: Arc<Mutex<()>>,
}

impl BodyKey {
    /// Plain JSON.
    pub fn json(kind: Kind) -> Self {
        Self {
            kind,
            format: Format::Json,
            encoding: Encoding::Identity,
        }
    }

    fn index(self) -> usize {
        let kind = match self.kind {
            Kind::Detail => 0,
            Kind::Layout => 1,
            Kind::Availability => 2,
        };
        let format = match self.format {
            Format::Json => 0,
        };
        let encoding = match self.encoding {
            Encoding::Identity => 0,
        };
        (kind * FORMATS + format) * ENCODINGS + encoding
    }
}

impl Body {
    /// A body that isn't kept in a cell, such as a page of a list.
    pub(crate) fn new(bytes: Vec<u8>, tag: &str, rev: Rev) -> Self {
        Self::of(bytes.into(), tag, rev, Arc::default())
    }

    fn of(bytes: Bytes, tag: &str, rev: Rev, superseded: Arc<OnceLock<Instant>>) -> Self {
        let header = |text: String| {
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
        };
        Self {
            bytes,
            etag: header(format!("\"{tag}\"")),
            rev_text: header(rev.to_string()),
            rev,
            superseded,
        }
    }

    /// The tag of a body that no rev identifies alone.
    pub(crate) fn tag_of(bytes: &[u8]) -> String {
        format!("{:016x}-{:x}", checksum(bytes), bytes.len())
    }

    /// The rev that it is true for.
    pub fn rev(&self) -> Rev {
        self.rev
    }

    fn is_young(&self, now: Instant) -> bool {
        self.superseded
            .get()
            .is_none_or(|&since| now.saturating_duration_since(since) <= limits::LIST_AGE)
    }
}

impl Cell {
    /// A body of the event as it now is, or as it was a moment ago while the present one
    /// is being rendered. `background` is where long bodies are rendered.
    pub async fn body(self: &Arc<Self>, key: BodyKey, background: &Handle) -> Arc<Body> {
        let slot = &self.bodies.slots[key.index()];
        let view = self.view();
        let ready = slot.ready.load_full();
        if let Some(body) = &ready
            && is_current(key, body, &view)
        {
            return Arc::clone(body);
        }
        if estimated_bytes(key.kind, &view) <= limits::RENDER_INLINE_BYTES {
            return slot.put(render(key, &view));
        }
        match ready {
            Some(old) if old.is_young(Instant::now()) => {
                if let Ok(turn) = Arc::clone(&slot.rendering).try_lock_owned() {
                    self.render_on(background, key, turn);
                }
                old
            }
            _ => self.rendered(key, background).await,
        }
    }

    /// Waits for the body, whoever renders it.
    async fn rendered(self: &Arc<Self>, key: BodyKey, background: &Handle) -> Arc<Body> {
        let slot = &self.bodies.slots[key.index()];
        loop {
            let turn = Arc::clone(&slot.rendering).lock_owned().await;
            if let Some(body) = slot.ready.load_full()
                && (is_current(key, &body, &self.view()) || body.is_young(Instant::now()))
            {
                return body;
            }
            // A task that panicked gives its turn back; the next try panics or succeeds.
            if let Ok(body) = self.render_on(background, key, turn).await {
                return body;
            }
        }
    }

    /// Keeps the turn until the body is ready, even if nobody waits for it any more.
    fn render_on(
        self: &Arc<Self>,
        background: &Handle,
        key: BodyKey,
        turn: OwnedMutexGuard<()>,
    ) -> tokio::task::JoinHandle<Arc<Body>> {
        let cell = Arc::clone(self);
        background.spawn_blocking(move || {
            let body = cell.bodies.slots[key.index()].put(render(key, &cell.view()));
            drop(turn);
            body
        })
    }
}

impl Slot {
    fn put(&self, body: Body) -> Arc<Body> {
        let body = Arc::new(body);
        self.ready.store(Some(Arc::clone(&body)));
        body
    }
}

fn is_current(key: BodyKey, body: &Body, view: &View) -> bool {
    match key.kind {
        // It never changes.
        Kind::Layout => true,
        Kind::Detail | Kind::Availability => body.rev == view.rev,
    }
}

fn estimated_bytes(kind: Kind, view: &View) -> usize {
    let tickets = view.layout.len() as usize;
    match kind {
        Kind::Detail => 1_024 + view.record.about.description.len() + 256 * view.record.tiers.len(),
        Kind::Layout => 1_024 + 16 * tickets,
        Kind::Availability => 256 + tickets,
    }
}

fn render(key: BodyKey, view: &View) -> Body {
    let record = &view.record;
    let bytes = match key.kind {
        Kind::Detail => encode(key.format, &EventDetail::new(record, view.counts, view.rev)),
        Kind::Layout => encode(key.format, &LayoutBody::new(record, &view.layout)),
        Kind::Availability => {
            let body = Availability::new(record.id, view.rev, view.counts, &view.states);
            encode(key.format, &body)
        }
    };
    let tag = match key.kind {
        Kind::Detail => format!("{}-d", view.rev),
        Kind::Availability => format!("{}-a", view.rev),
        Kind::Layout => Body::tag_of(&bytes),
    };
    Body::of(bytes.into(), &tag, view.rev, Arc::clone(&view.superseded))
}

/// A structure of the API in a format.
pub(crate) fn encode<T: serde::Serialize>(format: Format, value: &T) -> Vec<u8> {
    match format {
        // Our own structures have text for keys, which is all that JSON can refuse.
        Format::Json => serde_json::to_vec(value).unwrap_or_default(),
    }
}
