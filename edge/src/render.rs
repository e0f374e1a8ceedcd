//! Bodies of answers: rendered on first use, at most once for each rev, kept in the cell;
//! compressed from the plain body, at most once for each encoding that is asked for.
//!
//! A short body is rendered where it is asked for. A long one is rendered and compressed
//! off the shards, once however many ask; until it is ready the one before goes on being
//! served under its own rev and tag, for at most [`limits::LIST_AGE`] after it became old.

mod representation;

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
use parterre_gate::encoding::Effort;

use crate::cell::{Cell, View};
use crate::metrics::Metrics;
pub use representation::{Encoding, Format, Representation};

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

/// What distinguishes the bodies of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyKey {
    /// What it says.
    pub kind: Kind,
    /// In which form it is wanted.
    pub representation: Representation,
}

/// A body that is ready to be sent, with the headers that go with it.
#[derive(Debug)]
pub struct Body {
    /// The bytes, in its format and encoding.
    pub bytes: Bytes,
    /// Its strong tag, quoted; no other representation has the same.
    pub etag: HeaderValue,
    /// The rev that it is true for, as text.
    pub rev_text: HeaderValue,
    /// The format.
    pub format: Format,
    /// The encoding that it is really in: short bodies are always plain.
    pub encoding: Encoding,
    rev: Rev,
    superseded: Arc<OnceLock<Instant>>,
}

/// Where bodies are rendered, and counted.
#[derive(Debug)]
pub(crate) struct Renderer {
    /// The runtime of what is too long for a shard.
    background: Handle,
    metrics: Arc<Metrics>,
}

const KINDS: usize = 3;

/// The rendered bodies of one cell.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    pages: [Page; KINDS * Format::ALL.len()],
}

/// What an event says of one kind in one format, in every encoding.
#[derive(Debug, Default)]
struct Page {
    ready: [ArcSwapOption<Body>; Encoding::ALL.len()],
    /// Held by whoever renders.
    turn: Arc<Mutex<()>>,
}

impl Bodies {
    fn page(&self, key: BodyKey) -> &Page {
        let kind = match key.kind {
            Kind::Detail => 0,
            Kind::Layout => 1,
            Kind::Availability => 2,
        };
        &self.pages[kind * Format::ALL.len() + key.representation.format as usize]
    }
}

impl Body {
    /// A plain body that isn't kept in a cell, such as a page of a list. `tag` must tell
    /// it from what is answered at other times.
    pub(crate) fn new(bytes: Vec<u8>, format: Format, tag: &str, rev: Rev) -> Self {
        Self::of(bytes.into(), format, tag, rev, Arc::default())
    }

    fn of(
        bytes: Bytes,
        format: Format,
        tag: &str,
        rev: Rev,
        superseded: Arc<OnceLock<Instant>>,
    ) -> Self {
        Self {
            bytes,
            etag: header(format!("\"{tag}{}\"", format.mark())),
            rev_text: header(rev.to_string()),
            format,
            encoding: Encoding::Identity,
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

    /// Whether compressing it is worth the while.
    pub(crate) fn is_compressible(&self) -> bool {
        self.encoding == Encoding::Identity && self.bytes.len() > limits::COMPRESSED_BYTES
    }

    fn is_young(&self, now: Instant) -> bool {
        self.superseded
            .get()
            .is_none_or(|&since| now.saturating_duration_since(since) <= limits::LIST_AGE)
    }
}

fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

impl Renderer {
    pub(crate) fn new(background: Handle, metrics: Arc<Metrics>) -> Self {
        Self {
            background,
            metrics,
        }
    }

    /// A plain body in an encoding; itself if it is short or doesn't become shorter.
    pub(crate) fn compressed(
        metrics: &Metrics,
        plain: &Arc<Body>,
        encoding: Encoding,
    ) -> Arc<Body> {
        if encoding == Encoding::Identity || !plain.is_compressible() {
            return Arc::clone(plain);
        }
        metrics.compressed(encoding);
        match encoding.compress(&plain.bytes, Effort::Often) {
            Ok(bytes) if bytes.len() < plain.bytes.len() => {
                let tag = plain.etag.to_str().unwrap_or_default();
                let tag = tag.trim_end_matches('"');
                Arc::new(Body {
                    bytes: bytes.into(),
                    etag: header(format!("{tag}{}\"", encoding.mark())),
                    rev_text: plain.rev_text.clone(),
                    format: plain.format,
                    encoding,
                    rev: plain.rev,
                    superseded: Arc::clone(&plain.superseded),
                })
            }
            Ok(_) => Arc::clone(plain),
            Err(error) => {
                tracing::error!(%error, ?encoding, "can't compress a body");
                Arc::clone(plain)
            }
        }
    }
}

impl Cell {
    /// The body of the event as it now is, if it lies ready.
    pub(crate) fn ready(&self, key: BodyKey) -> Option<Arc<Body>> {
        let ready = self.bodies.page(key).ready(key.representation.encoding)?;
        is_current(key, &ready, self.rev()).then_some(ready)
    }

    /// A body of the event as it now is, or as it was a moment ago while the present one
    /// is being rendered.
    pub(crate) async fn body(self: &Arc<Self>, key: BodyKey, renderer: &Renderer) -> Arc<Body> {
        let page = self.bodies.page(key);
        let view = self.view();
        let ready = page.ready(key.representation.encoding);
        if let Some(body) = &ready
            && is_current(key, body, view.rev)
        {
            return Arc::clone(body);
        }
        if estimated_bytes(key.kind, &view) <= limits::RENDER_INLINE_BYTES {
            let _turn = page.turn.lock().await;
            return self.render(key, &renderer.metrics);
        }
        match ready {
            Some(old) if old.is_young(Instant::now()) => {
                if let Ok(turn) = Arc::clone(&page.turn).try_lock_owned() {
                    self.render_on(renderer, key, turn);
                }
                old
            }
            _ => self.rendered(key, renderer).await,
        }
    }

    /// Waits for the body, whoever renders it.
    async fn rendered(self: &Arc<Self>, key: BodyKey, renderer: &Renderer) -> Arc<Body> {
        let page = self.bodies.page(key);
        loop {
            let turn = Arc::clone(&page.turn).lock_owned().await;
            if let Some(body) = page.ready(key.representation.encoding)
                && (is_current(key, &body, self.rev()) || body.is_young(Instant::now()))
            {
                return body;
            }
            // A task that panicked gives its turn back; the next try panics or succeeds.
            if let Ok(body) = self.render_on(renderer, key, turn).await {
                return body;
            }
        }
    }

    /// Keeps the turn until the body is ready, even if nobody waits for it any more.
    fn render_on(
        self: &Arc<Self>,
        renderer: &Renderer,
        key: BodyKey,
        turn: OwnedMutexGuard<()>,
    ) -> tokio::task::JoinHandle<Arc<Body>> {
        let (cell, metrics) = (Arc::clone(self), Arc::clone(&renderer.metrics));
        renderer.background.spawn_blocking(move || {
            let body = cell.render(key, &metrics);
            drop(turn);
            body
        })
    }

    /// The present body, made as far as it isn't ready. The caller has the page's turn.
    fn render(&self, key: BodyKey, metrics: &Metrics) -> Arc<Body> {
        let page = self.bodies.page(key);
        let view = self.view();
        let present = |encoding| {
            let ready = page.ready(encoding);
            ready.filter(|body| is_current(key, body, view.rev))
        };
        let encoding = key.representation.encoding;
        if let Some(body) = present(encoding) {
            return body;
        }
        let plain = present(Encoding::Identity).unwrap_or_else(|| {
            metrics.rendered(key.kind, key.representation.format);
            let plain = render(key, &view);
            page.put(Encoding::Identity, Arc::new(plain))
        });
        page.put(encoding, Renderer::compressed(metrics, &plain, encoding))
    }
}

impl Page {
    fn ready(&self, encoding: Encoding) -> Option<Arc<Body>> {
        self.ready[encoding as usize].load_full()
    }

    fn put(&self, encoding: Encoding, body: Arc<Body>) -> Arc<Body> {
        self.ready[encoding as usize].store(Some(Arc::clone(&body)));
        body
    }
}

fn is_current(key: BodyKey, body: &Body, rev: Rev) -> bool {
    match key.kind {
        // It never changes.
        Kind::Layout => true,
        Kind::Detail | Kind::Availability => body.rev == rev,
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

/// A plain body of an event, made anew.
pub fn render(key: BodyKey, view: &View) -> Body {
    let record = &view.record;
    let format = key.representation.format;
    let bytes = match key.kind {
        Kind::Detail => format.encode(&EventDetail::new(record, view.counts, view.rev)),
        Kind::Layout => format.encode(&LayoutBody::new(record, &view.layout)),
        Kind::Availability => {
            let body = Availability::new(record.id, view.rev, view.counts, &view.states);
            format.encode(&body)
        }
    };
    let tag = match key.kind {
        Kind::Detail => format!("{}-d", view.rev),
        Kind::Availability => format!("{}-a", view.rev),
        Kind::Layout => Body::tag_of(&bytes),
    };
    let superseded = Arc::clone(&view.superseded);
    Body::of(bytes.into(), format, &tag, view.rev, superseded)
}
