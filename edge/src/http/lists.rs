//! Lists: pages of events and of an event's tickets, rendered at most once a second for
//! each wish and format, and compressed at most once for each encoding.

use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::sync::OnceCell;

use parterre_domain::wire::api::{EventList, Ticket, TicketList};
use parterre_domain::{EventId, ReservedTicket, TicketId, limits};

use super::query::TicketWish;
use crate::cell::View;
use crate::clock;
use crate::context::Edge;
use crate::render::{Body, Encoding, Format, Renderer, Representation};
use crate::search::Wish;
use crate::similar::similar;

/// Lists rendered a moment ago.
#[derive(Debug)]
pub(crate) struct Lists {
    cache: moka::sync::Cache<(Wanted, Format), Arc<Page>, RandomState>,
}

/// What a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Events(Wish),
    Tickets(EventId, TicketWish),
    Similar(EventId, usize),
}

/// One page in one format, in every encoding. The compressed bodies are made of the plain
/// one, so that all of them grow old together.
#[derive(Debug, Default)]
struct Page {
    bodies: [OnceCell<Arc<Body>>; Encoding::ALL.len()],
}

/// Bytes that an event takes in a list, roughly.
const EVENT_BYTES: usize = 450;
/// Bytes that a ticket takes in a list, roughly.
const TICKET_BYTES: usize = 130;

impl Lists {
    /// At most so many bytes of lists.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|(wanted, _): &(Wanted, Format), _| wanted.weight_bytes())
            .time_to_live(limits::LIST_AGE)
            .build_with_hasher(RandomState::default());
        Self { cache }
    }

    /// A page of events.
    pub(crate) async fn events(
        &self,
        edge: &Arc<Edge>,
        wish: Wish,
        representation: Representation,
    ) -> Arc<Body> {
        let shared = Arc::clone(edge);
        let is_long = wish.limit * EVENT_BYTES > limits::RENDER_INLINE_BYTES
            || edge.catalog.programme().len() > limits::LOOKED_THROUGH;
        let asked = wish.clone();
        let format = representation.format;
        let render = move || render_events(&shared, &asked, format);
        let wanted = Wanted::Events(wish);
        self.page(edge, wanted, representation, is_long, render)
            .await
    }

    /// A page of an event's tickets.
    pub(crate) async fn tickets(
        &self,
        edge: &Arc<Edge>,
        view: Arc<View>,
        wish: TicketWish,
        representation: Representation,
    ) -> Arc<Body> {
        let is_long = wish.limit * TICKET_BYTES > limits::RENDER_INLINE_BYTES
            || view.layout.len() as usize > limits::LOOKED_THROUGH;
        let wanted = Wanted::Tickets(view.record.id, wish.clone());
        let format = representation.format;
        let render = move || render_tickets(&view, &wish, format);
        self.page(edge, wanted, representation, is_long, render)
            .await
    }

    /// Events like one, the most alike first.
    pub(crate) async fn similar(
        &self,
        edge: &Arc<Edge>,
        event: EventId,
        most: usize,
        representation: Representation,
    ) -> Arc<Body> {
        let is_long = most * EVENT_BYTES > limits::RENDER_INLINE_BYTES;
        let (shared, format) = (Arc::clone(edge), representation.format);
        let render = move || render_similar(&shared, event, most, format);
        let wanted = Wanted::Similar(event, most);
        self.page(edge, wanted, representation, is_long, render)
            .await
    }

    /// The page as it was rendered within the last second; else renders it, once however
    /// many ask, on a shard only if it is short.
    async fn page(
        &self,
        edge: &Arc<Edge>,
        wanted: Wanted,
        representation: Representation,
        is_long: bool,
        render: impl FnOnce() -> Body + Send + 'static,
    ) -> Arc<Body> {
        let Representation { format, encoding } = representation;
        let page = self.cache.get_with((wanted, format), Arc::default);
        if let Some(body) = page.of(encoding).get() {
            edge.metrics.list_hits.inc();
            return Arc::clone(body);
        }
        let plain = page.of(Encoding::Identity).get_or_init(|| async {
            edge.metrics.list_renders.inc();
            let render = || Arc::new(render());
            on_shard_if(!is_long, edge, render).await
        });
        let plain = Arc::clone(plain.await);
        if encoding == Encoding::Identity {
            return plain;
        }
        let compressed = page.of(encoding).get_or_init(|| async {
            let is_short = plain.bytes.len() <= limits::RENDER_INLINE_BYTES;
            let metrics = Arc::clone(&edge.metrics);
            let compress = move || Renderer::compressed(&metrics, &plain, encoding);
            on_shard_if(is_short, edge, compress).await
        });
        Arc::clone(compressed.await)
    }
}

impl Page {
    fn of(&self, encoding: Encoding) -> &OnceCell<Arc<Body>> {
        &self.bodies[encoding as usize]
    }
}

async fn on_shard_if<T: Send + 'static>(
    is_short: bool,
    edge: &Edge,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if is_short {
        return work();
    }
    match edge.background.spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process is stopping, and with it this request.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Wanted {
    /// What a page may take, compressed bodies included: each about a quarter of the plain
    /// one.
    fn weight_bytes(&self) -> u32 {
        let plain = match self {
            Self::Events(wish) => wish.limit * EVENT_BYTES,
            Self::Similar(_, most) => most * EVENT_BYTES,
            Self::Tickets(_, wish) => wish.limit * TICKET_BYTES,
        };
        u32::try_from(plain / 4 * 7 + 1_024).unwrap_or(u32::MAX)
    }
}

fn render_events(edge: &Edge, wish: &Wish, format: Format) -> Body {
    let programme = edge.catalog.programme();
    let page = programme.search(wish, clock::now());
    let list = EventList {
        events: page.entries.iter().map(|entry| entry.summary()).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    };
    let bytes = format.encode(&list);
    let tag = Body::tag_of(&bytes);
    Body::new(bytes, format, &tag, programme.position())
}

fn render_similar(edge: &Edge, event: EventId, most: usize, format: Format) -> Body {
    let programme = edge.catalog.programme();
    let found = similar(&programme, event, clock::now(), most).unwrap_or_default();
    let list = EventList {
        events: found.iter().map(|entry| entry.summary()).collect(),
        next_cursor: None,
    };
    let bytes = format.encode(&list);
    let tag = Body::tag_of(&bytes);
    Body::new(bytes, format, &tag, programme.position())
}

fn render_tickets(view: &View, wish: &TicketWish, format: Format) -> Body {
    let tier = wish.tier.as_ref().map(|wanted| {
        let at = view.record.tiers.iter().position(|tier| tier.id == *wanted);
        at.and_then(|at| u16::try_from(at).ok())
    });
    let mut found = (wish.start.0..view.layout.len())
        .map(TicketId)
        .zip(view.states.iter().skip(wish.start.index()))
        .filter(|(_, state)| wish.state.is_none_or(|wanted| wanted == *state))
        .filter(|(id, _)| {
            tier.is_none_or(|tier| tier.is_some() && view.layout.tier_of(*id) == tier)
        })
        .filter(|(id, _)| {
            let section = wish.section.as_deref();
            section.is_none_or(|wanted| wanted == view.layout.section_of(*id))
        });
    let tickets = found.by_ref().take(wish.limit).map(|(id, state)| {
        let tier = view.layout.tier_of(id).unwrap_or(0);
        Ticket::new(
            &view.record,
            &view.layout,
            ReservedTicket { id, tier },
            state,
        )
    });
    let list = TicketList {
        tickets: tickets.collect(),
        rev: view.rev,
        next_cursor: found.next().map(|(id, _)| id.to_string()),
    };
    let tag = format!("{}-t", view.rev);
    Body::new(format.encode(&list), format, &tag, view.rev)
}
