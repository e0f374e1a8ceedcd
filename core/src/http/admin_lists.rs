//! The admin API's reads, each from one snapshot; drafts too.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use parterre_domain::wire::admin::{AdminReservation, TimelineEntry};
use parterre_domain::wire::api::{
    Availability, EventDetail, EventList, EventStatus, EventSummary, LayoutBody, Reservation,
};
use parterre_domain::{
    EventId, EventRecord, Refusal, ReservationId, ReservationRecord, ReservationState, Rev,
    TicketState, hex, keys, limits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Failed, Params, Part, Reply, id, json};
use crate::context::Context;
use crate::layouts::{decode, event_in, read};
use crate::planning::states_in;
use crate::snapshot::{counts, event_rev, from_hex, states_of};
use crate::store::any::AnySnapshot;
use crate::store::{Failure, Snapshot, Store};

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/admin/v1/events", get(events))
        .route("/admin/v1/events/{id}", get(event))
        .route("/admin/v1/events/{id}/availability", get(availability))
        .route("/admin/v1/events/{id}/layout", get(layout))
        .route("/admin/v1/events/{id}/reservations", get(reservations))
        .route("/admin/v1/reservations/{id}", get(reservation))
}

#[derive(Deserialize)]
struct WithStatus {
    status: Option<EventStatus>,
}

#[derive(Deserialize)]
struct InState {
    state: Option<ReservationState>,
}

/// Which part of a list is wanted. Parameters that it doesn't know are refused by
/// [`super::openapi::documented_queries_only`].
#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Page {
    /// How many entries it is to have.
    pub(super) fn limit(&self) -> Result<usize, Failed> {
        match self.limit.unwrap_or(limits::DEFAULT_EVENTS_PER_PAGE) {
            limit @ 1..=limits::EVENTS_PER_PAGE => Ok(limit),
            _ => {
                let reason = format!("must be 1 to {}", limits::EVENTS_PER_PAGE);
                Err(Refusal::invalid("limit", reason).into())
            }
        }
    }

    /// The part of a range behind its cursor.
    pub(super) fn behind(&self, range: keys::Range) -> Result<keys::Range, Failed> {
        let Some(cursor) = &self.cursor else {
            return Ok(range);
        };
        let key = from_hex(cursor).filter(|key| range.contains(key));
        match key {
            Some(key) => Ok(range.after(&key)),
            None => Err(Refusal::invalid("cursor", "isn't one of this list").into()),
        }
    }
}

async fn events(
    State(context): State<Context>,
    Params(WithStatus { status }): Params<WithStatus>,
    Params(page): Params<Page>,
) -> Reply {
    let limit = page.limit()?;
    let snapshot = context.store.snapshot().await?;
    let rows = snapshot
        .range(&page.behind(keys::events())?, limits::ROWS_PER_PAGE)
        .await?;
    let mut events = Vec::new();
    let summaries = rows
        .iter()
        .map(|(key, value)| summary(&snapshot, key, value));
    let summaries: Vec<_> = summaries.collect();
    let mut summaries = stream::iter(summaries)
        .buffered(limits::READS_AT_ONCE)
        .enumerate();
    while let Some((at, summary)) = summaries.next().await {
        let summary = summary?;
        if status.is_none_or(|status| status == summary.status) {
            events.push(summary);
        }
        if events.len() == limit || at + 1 == limits::ROWS_PER_PAGE {
            let next_cursor = next(&rows, at);
            return json(
                StatusCode::OK,
                &EventList {
                    events,
                    next_cursor,
                },
                None,
            );
        }
    }
    let next_cursor = None;
    json(
        StatusCode::OK,
        &EventList {
            events,
            next_cursor,
        },
        None,
    )
}

async fn summary(
    snapshot: &AnySnapshot,
    key: &keys::Key,
    value: &[u8],
) -> Result<EventSummary, Failure> {
    let record: EventRecord = decode(key, value)?;
    let counts = counts(snapshot, &record).await?;
    Ok(EventSummary::new(&record, counts))
}

/// The cursor behind the row at which a page ends; none when there is surely no more.
fn next(rows: &[(keys::Key, Vec<u8>)], at: usize) -> Option<String> {
    let more = at + 1 < rows.len() || rows.len() == limits::ROWS_PER_PAGE;
    rows.get(at).filter(|_| more).map(|(key, _)| hex(key))
}

/// An event as administrators see it.
#[derive(JsonSchema, Serialize)]
pub(super) struct AdminEvent {
    #[serde(flatten)]
    detail: EventDetail,
    /// While a cancelled event's reservations are being ended: how many are still to be
    /// looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelling: Option<usize>,
}

async fn event(State(context): State<Context>, Part(event): Part) -> Reply {
    let snapshot = context.store.snapshot().await?;
    shown(&snapshot, StatusCode::OK, id(&event, "event")?).await
}

/// An event as a snapshot has it: record, counts and rev are of one moment.
pub(super) async fn shown(snapshot: &AnySnapshot, status: StatusCode, event: EventId) -> Reply {
    let record = event_in(snapshot, event)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let rev = event_rev(snapshot, record.id).await?;
    let body = AdminEvent {
        detail: EventDetail::new(&record, counts(snapshot, &record).await?, rev),
        cancelling: cancelling(snapshot, &record).await?,
    };
    json(status, &body, Some(rev))
}

async fn cancelling(
    snapshot: &AnySnapshot,
    record: &EventRecord,
) -> Result<Option<usize>, Failure> {
    if !record.cancelling {
        return Ok(None);
    }
    let mut range = keys::event_reservations(record.id);
    if let Some(done) = snapshot.get(&keys::cancel_cursor(record.id)).await? {
        range = range.after(&done);
    }
    let mut left = 0;
    loop {
        let rows = snapshot.range(&range, limits::ROWS_PER_READ).await?;
        left += rows.len();
        match rows.last() {
            Some((last, _)) if rows.len() == limits::ROWS_PER_READ => range = range.after(last),
            _ => return Ok(Some(left)),
        }
    }
}

async fn availability(State(context): State<Context>, Part(event): Part) -> Reply {
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, id(&event, "event")?)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let states = states_in(&snapshot, &record).await?;
    let rev = event_rev(&snapshot, record.id).await?;
    json(
        StatusCode::OK,
        &Availability::new(record.id, rev, states.count(), &states),
        Some(rev),
    )
}

async fn layout(State(context): State<Context>, Part(event): Part) -> Reply {
    let event = context.layouts.get(id(&event, "event")?).await?;
    let event = event.ok_or(Refusal::NotFound("event"))?;
    let body = LayoutBody::new(&event.record, &event.layout);
    json(StatusCode::OK, &body, None)
}

#[derive(JsonSchema, Serialize)]
pub(super) struct ReservationList {
    reservations: Vec<Reservation>,
    next_cursor: Option<String>,
}

async fn reservations(
    State(context): State<Context>,
    Part(event): Part,
    Params(InState { state }): Params<InState>,
    Params(page): Params<Page>,
) -> Reply {
    let limit = page.limit()?;
    let event: EventId = id(&event, "event")?;
    let laid_out = context.layouts.get(event).await?;
    let laid_out = laid_out.ok_or(Refusal::NotFound("event"))?;
    let snapshot = context.store.snapshot().await?;
    let range = page.behind(keys::event_reservations(event))?;
    let rows = snapshot.range(&range, limits::ROWS_PER_PAGE).await?;
    let mut reservations = Vec::new();
    let mut next_cursor = None;
    let found = rows.iter().map(|(key, _)| in_state(&snapshot, key, state));
    let found: Vec<_> = found.collect();
    let mut found = stream::iter(found)
        .buffered(limits::READS_AT_ONCE)
        .enumerate();
    while let Some((at, found)) = found.next().await {
        if let Some((record, states)) = found? {
            let (event, layout) = (&laid_out.record, &laid_out.layout);
            reservations.push(Reservation::new(&record, event, layout, states, false));
        }
        if reservations.len() == limit || at + 1 == limits::ROWS_PER_PAGE {
            next_cursor = next(&rows, at);
            break;
        }
    }
    let list = ReservationList {
        reservations,
        next_cursor,
    };
    json(StatusCode::OK, &list, None)
}

/// The reservation that an entry names and its tickets' states, if it is in the state that
/// was asked for.
async fn in_state(
    snapshot: &AnySnapshot,
    key: &keys::Key,
    state: Option<ReservationState>,
) -> Result<Option<(ReservationRecord, Vec<TicketState>)>, Failure> {
    let Some(id) = keys::reservation_of(key) else {
        return Ok(None);
    };
    let record: Option<ReservationRecord> = read(snapshot, &keys::reservation(id)).await?;
    let fits = record.filter(|record| state.is_none_or(|state| state == record.state));
    let Some(record) = fits else {
        return Ok(None);
    };
    let states = states_of(snapshot, &record).await?;
    Ok(Some((record, states)))
}

async fn reservation(State(context): State<Context>, Part(reservation): Part) -> Reply {
    let id: ReservationId = id(&reservation, "reservation")?;
    let snapshot = context.store.snapshot().await?;
    let record: Option<ReservationRecord> = read(&snapshot, &keys::reservation(id)).await?;
    let record = record.ok_or(Refusal::NotFound("reservation"))?;
    let event = event_in(&snapshot, record.event)
        .await?
        .ok_or(Refusal::NotFound("reservation"))?;
    let layout = context.layouts.of(&snapshot, &event).await?;
    let states = states_of(&snapshot, &record).await?;
    let body = AdminReservation {
        reservation: Reservation::new(&record, &event, &layout, states, false),
        timeline: timeline(&snapshot, id).await?,
    };
    json(StatusCode::OK, &body, None)
}

async fn timeline(
    snapshot: &AnySnapshot,
    reservation: ReservationId,
) -> Result<Vec<TimelineEntry>, Failure> {
    let range = keys::timeline(reservation);
    let rows = snapshot.range(&range, limits::TIMELINE_ENTRIES).await?;
    let entries = rows.into_iter().filter_map(|(key, value)| {
        let (at, what) = keys::happening_of(&key)?;
        let rev = Rev::from_bytes(value.try_into().ok()?);
        Some(TimelineEntry { at, rev, what })
    });
    Ok(entries.collect())
}
