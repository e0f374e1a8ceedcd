//! The admin API's reads, each from one snapshot; drafts too.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use parterre_domain::wire::api::{
    Availability, EventDetail, EventList, EventStatus, EventSummary, LayoutBody, Reservation,
};
use parterre_domain::{
    EventId, EventRecord, Refusal, ReservationRecord, ReservationState, Slug, keys, limits,
};
use serde::{Deserialize, Serialize};

use super::answer::{Failed, Params, Reply, id, json};
use crate::context::Context;
use crate::layouts::{decode, event_in, read};
use crate::planning::states_in;
use crate::snapshot::{counts, event_rev, from_hex, to_hex};
use crate::store::{Snapshot, Store};

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
#[serde(deny_unknown_fields)]
struct Page<State> {
    #[serde(alias = "status")]
    state: Option<State>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl<State> Page<State> {
    fn limit(&self) -> Result<usize, Failed> {
        match self.limit.unwrap_or(limits::DEFAULT_EVENTS_PER_PAGE) {
            limit @ 1..=limits::EVENTS_PER_PAGE => Ok(limit),
            _ => Err(Slug::Malformed
                .problem(format!("limit must be 1 to {}", limits::EVENTS_PER_PAGE))
                .into()),
        }
    }

    /// The part of a range behind the cursor.
    fn behind(&self, range: keys::Range) -> Result<keys::Range, Failed> {
        let Some(cursor) = &self.cursor else {
            return Ok(range);
        };
        let key = from_hex(cursor).filter(|key| range.contains(key));
        match key {
            Some(key) => Ok(range.after(&key)),
            None => Err(Slug::Malformed
                .problem("the cursor isn't one of this list")
                .into()),
        }
    }
}

async fn events(State(context): State<Context>, Params(page): Params<Page<EventStatus>>) -> Reply {
    let limit = page.limit()?;
    let snapshot = context.store.snapshot().await?;
    let mut range = page.behind(keys::events())?;
    let mut events = Vec::new();
    loop {
        let rows = snapshot.range(&range, limits::EVENTS_PER_PAGE).await?;
        for (key, value) in &rows {
            let record: EventRecord = decode(key, value)?;
            let summary = EventSummary::new(&record, counts(&snapshot, &record).await?);
            if page.state.is_none_or(|status| status == summary.status) {
                events.push(summary);
            }
            if events.len() == limit {
                return json(
                    StatusCode::OK,
                    &EventList {
                        events,
                        next_cursor: Some(to_hex(key)),
                    },
                    None,
                );
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == limits::EVENTS_PER_PAGE => range = range.after(last),
            _ => {
                return json(
                    StatusCode::OK,
                    &EventList {
                        events,
                        next_cursor: None,
                    },
                    None,
                );
            }
        }
    }
}

async fn event(State(context): State<Context>, Path(event): Path<String>) -> Reply {
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, id(&event, "event")?)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let rev = event_rev(&snapshot, record.id).await?;
    json(
        StatusCode::OK,
        &EventDetail::new(&record, counts(&snapshot, &record).await?, rev),
        Some(rev),
    )
}

async fn availability(State(context): State<Context>, Path(event): Path<String>) -> Reply {
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

async fn layout(State(context): State<Context>, Path(event): Path<String>) -> Reply {
    let (record, layout) = context
        .layouts
        .get(id(&event, "event")?)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    json(StatusCode::OK, &LayoutBody::new(&record, &layout), None)
}

#[derive(Serialize)]
struct ReservationList {
    reservations: Vec<Reservation>,
    next_cursor: Option<String>,
}

async fn reservations(
    State(context): State<Context>,
    Path(event): Path<String>,
    Params(page): Params<Page<ReservationState>>,
) -> Reply {
    let limit = page.limit()?;
    let event: EventId = id(&event, "event")?;
    let (event, layout) = context
        .layouts
        .get(event)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let snapshot = context.store.snapshot().await?;
    let mut range = page.behind(keys::event_reservations(event.id))?;
    let mut found = Vec::new();
    loop {
        let rows = snapshot.range(&range, limits::EVENTS_PER_PAGE).await?;
        for (key, _) in &rows {
            let Some(id) = keys::reservation_of(key) else {
                continue;
            };
            let record: Option<ReservationRecord> = read(&snapshot, &keys::reservation(id)).await?;
            let fits = record.filter(|record| page.state.is_none_or(|state| state == record.state));
            found.extend(fits.map(|record| Reservation::new(&record, &event, &layout, false)));
            if found.len() == limit {
                let next_cursor = Some(to_hex(key));
                return json(
                    StatusCode::OK,
                    &ReservationList {
                        reservations: found,
                        next_cursor,
                    },
                    None,
                );
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == limits::EVENTS_PER_PAGE => range = range.after(last),
            _ => {
                return json(
                    StatusCode::OK,
                    &ReservationList {
                        reservations: found,
                        next_cursor: None,
                    },
                    None,
                );
            }
        }
    }
}

async fn reservation(State(context): State<Context>, Path(reservation): Path<String>) -> Reply {
    let found = context
        .payments
        .find(id(&reservation, "reservation")?)
        .await?;
    let record = found.ok_or(Refusal::NotFound("reservation"))?;
    let (event, layout) = context
        .layouts
        .get(record.event)
        .await?
        .ok_or(Refusal::NotFound("reservation"))?;
    json(
        StatusCode::OK,
        &Reservation::new(&record, &event, &layout, false),
        None,
    )
}
