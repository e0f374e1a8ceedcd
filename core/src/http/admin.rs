//! The admin API's writes.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{patch, post};
use parterre_domain::command::{
    Answer, CancelEvent, ChangeEvent, Command, CreateEvent, EventPatch, Publish, Refund, Withdraw,
};
use parterre_domain::wire::api::{EventDetail, PublishAt, RefundRequest, TicketsRequest};
use parterre_domain::{About, EventId, EventRecord, Life, Refusal, ReservationId, Slug};
use serde::Deserialize;

use super::answer::{Failed, Params, Part, Reply, id, json, read_json};
use super::{upload, window};
use crate::context::Context;
use crate::driver::fresh;
use crate::lane::Committed;
use crate::snapshot;
use crate::store::Store;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/admin/v1/events", post(create))
        .route("/admin/v1/events/{id}", patch(change))
        .route("/admin/v1/events/{id}/tickets", post(upload::add_tickets))
        .route("/admin/v1/events/{id}/publish", post(publish))
        .route("/admin/v1/events/{id}/cancel", post(cancel))
        .route("/admin/v1/events/{id}/tickets/withdraw", post(withdraw))
        .route("/admin/v1/events/{id}/tickets/restore", post(restore))
        .route("/admin/v1/reservations/{id}/refund", post(refund))
}

async fn create(State(context): State<Context>, request: Request) -> Reply {
    let (about, _): (About, _) = read_json(request).await?;
    let event = EventId::new(context.clock.now(), u128::from_be_bytes(fresh()));
    let committed = context
        .lanes
        .submit(Command::CreateEvent(CreateEvent { event, about }))
        .await?;
    detail(&context, StatusCode::CREATED, committed).await
}

async fn change(State(context): State<Context>, Part(event): Part, request: Request) -> Reply {
    let event = id(&event, "event")?;
    let (patch, _): (EventPatch, _) = read_json(request).await?;
    let committed = context
        .lanes
        .submit(Command::ChangeEvent(ChangeEvent { event, patch }))
        .await?;
    detail(&context, StatusCode::OK, committed).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Urgency {
    urgent: Option<bool>,
}

async fn publish(
    State(context): State<Context>,
    Part(event): Part,
    Params(urgency): Params<Urgency>,
) -> Reply {
    let event = id(&event, "event")?;
    let at = window::opening(&context, urgency.urgent.unwrap_or(false)).await?;
    let publish = Publish {
        event,
        at: Some(at),
        due_at: None,
    };
    let committed = context.lanes.submit(Command::Publish(publish)).await?;
    if let Answer::Event(record) = &committed.answer
        && let Life::Scheduled { at } = record.life
    {
        return json(StatusCode::ACCEPTED, &PublishAt { at }, Some(committed.rev));
    }
    detail(&context, StatusCode::OK, committed).await
}

async fn cancel(State(context): State<Context>, Part(event): Part) -> Reply {
    let cancel = CancelEvent {
        event: id(&event, "event")?,
    };
    let committed = context.lanes.submit(Command::CancelEvent(cancel)).await?;
    detail(&context, StatusCode::OK, committed).await
}

async fn withdraw(context: State<Context>, Part(event): Part, request: Request) -> Reply {
    change_tickets(&context, &event, request, false).await
}

async fn restore(context: State<Context>, Part(event): Part, request: Request) -> Reply {
    change_tickets(&context, &event, request, true).await
}

async fn change_tickets(context: &Context, event: &str, request: Request, restore: bool) -> Reply {
    let event = id(event, "event")?;
    let (TicketsRequest { tickets }, _) = read_json(request).await?;
    let committed = context
        .lanes
        .submit(Command::Withdraw(Withdraw {
            event,
            tickets,
            restore,
        }))
        .await?;
    let record = find(context, event).await?;
    shown(context, StatusCode::OK, &record, committed.rev).await
}

async fn refund(
    State(context): State<Context>,
    Part(reservation): Part,
    request: Request,
) -> Reply {
    let reservation: ReservationId = id(&reservation, "reservation")?;
    let (RefundRequest { return_to_sale }, _) = read_json(request).await?;
    let found = context
        .payments
        .find(reservation)
        .await?
        .ok_or(Refusal::NotFound("reservation"))?;
    let refund = Refund {
        event: found.event,
        reservation,
        return_to_sale,
    };
    context.lanes.submit(Command::Refund(refund)).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn detail(context: &Context, status: StatusCode, committed: Committed) -> Reply {
    match committed.answer {
        Answer::Event(record) => shown(context, status, &record, committed.rev).await,
        _ => Err(Slug::Internal
            .problem("something broke; the operators have been told")
            .into()),
    }
}

async fn shown(
    context: &Context,
    status: StatusCode,
    record: &EventRecord,
    rev: parterre_domain::Rev,
) -> Reply {
    let counts = snapshot::counts(&context.store.snapshot().await?, record).await?;
    json(status, &EventDetail::new(record, counts, rev), Some(rev))
}

async fn find(context: &Context, event: EventId) -> Result<EventRecord, Failed> {
    let snapshot = context.store.snapshot().await?;
    Ok(crate::layouts::event_in(&snapshot, event)
        .await?
        .ok_or(Refusal::NotFound("event"))?)
}
