//! Lists: pages of events and of an event's tickets, rendered at most once a second for
//! each wish.

use std::sync::Arc;

use foldhash::fast::RandomState;
use tokio::sync::OnceCell;

use parterre_domain::wire::api::{EventList, Ticket, TicketList};
use parterre_domain::{EventId, ReservedTicket, TicketId, limits};

use super::query::TicketWish;
use crate::cell::View;
use crate::clock;
use crate::context::Edge;
use crate::render::{Body, Format, encode};
use crate::search::Wish;

/// Lists rendered a moment ago.
#[derive(Debug)]
pub(crate) struct Lists {
    cache: moka::sync::Cache<Wanted, Arc<OnceCell<Arc<Body>>>, RandomState>,
}

/// What a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Events(Wish),
    Tickets(EventId, TicketWish),
}

/// Bytes that an event takes in a list, roughly.
const EVENT_BYTES: usize = 450;
/// Bytes that a ticket takes in a list, roughly.
const TICKET_BYTES: usize = 130;
/// Events or tickets that may be looked through on a shard.
const LOOKED_THROUGH: usize = 4_096;

impl Lists {
    /// At most so many bytes of lists.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|wanted: &Wanted, _| wanted.weight_bytes())
            .time_to_live(limits::LIST_AGE)
            .build_with_hasher(RandomState::default());
        Self { cache }
    }

    /// A page of events.
    pub(crate) async fn events(&self, edge: &Arc<Edge>, wish: Wish) -> Arc<Body> {
        let shared = Arc::clone(edge);
        let is_long = wish.limit * EVENT_BYTES > limits::RENDER_INLINE_BYTES
            || edge.catalog.programme().len() > LOOKED_THROUGH;
        let asked = wish.clone();
        let render = move || render_events(&shared, &asked);
        self.page(edge, Wanted::Events(wish), is_long, render).await
    }

    /// A page of an event's tickets.
    pub(crate) async fn tickets(
        &self,
        edge: &Arc<Edge>,
        view: Arc<View>,
        wish: TicketWish,
    ) -> Arc<Body> {
        let is_long = wish.limit * TICKET_BYTES > limits::RENDER_INLINE_BYTES
            || view.layout.len() as usize > LOOKED_THROUGH;
        let wanted = Wanted::Tickets(view.record.id, wish.clone());
        let render = move || render_tickets(&view, &wish);
        self.page(edge, wanted, is_long, render).await
    }

    /// The page as it was rendered within the last second; else renders it, once however
    /// many ask, on a shard only if it is short.
    async fn page(
        &self,
        edge: &Arc<Edge>,
        wanted: Wanted,
        is_long: bool,
        render: impl FnOnce() -> Body + Send + 'static,
    ) -> Arc<Body> {
        let slot = self.cache.get_with(wanted, Arc::default);
        if let Some(body) = slot.get() {
            edge.metrics.list_hits.inc();
            return Arc::clone(body);
        }
        let rendered = slot.get_or_init(|| async {
            edge.metrics.list_renders.inc();
            Arc::new(if is_long {
                off_shard(edge, render).await
            } else {
                render()
            })
        });
        Arc::clone(rendered.await)
    }
}

async fn off_shard(edge: &Edge, render: impl FnOnce() -> Body + Send + 'static) -> Body {
    match edge.background.spawn_blocking(render).await {
        Ok(body) => body,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process is stopping, and with it this request.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Wanted {
    fn weight_bytes(&self) -> u32 {
        let bytes = match self {
            Self::Events(wish) => wish.limit * EVENT_BYTES,
            Self::Tickets(_, wish) => wish.limit * TICKET_BYTES,
        };
        u32::try_from(bytes + 1_024).unwrap_or(u32::MAX)
    }
}

fn render_events(edge: &Edge, wish: &Wish) -> Body {
    let programme = edge.catalog.programme();
    let page = programme.search(wish, clock::now());
    let list = EventList {
        events: page.entries.iter().map(|entry| entry.summary()).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    };
    let bytes = encode(Format::Json, &list);
    let tag = Body::tag_of(&bytes);
    Body::new(bytes, &tag, programme.position())
}

fn render_tickets(view: &View, wish: &TicketWish) -> Body {
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
    let bytes = encode(Format::Json, &list);
    Body::new(bytes, &format!("{}-t", view.rev), view.rev)
}
