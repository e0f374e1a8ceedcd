//! The admin API's writes. Each answers the event as it is after the write, from one
//! snapshot: a repeat answers as the first attempt did.

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{patch, post};
use parterre_domain::command::{
    CancelEvent, ChangeEvent, Command, CreateEvent, EventPatch, Publish, Refund, Withdraw,
};
use parterre_domain::wire::api::{PublishAt, RefundRequest, TicketsRequest};
use parterre_domain::{About, EventId, Life, Refusal, ReservationId};
use serde::Deserialize;

use super::admin_lists::shown;
use super::answer::{Administrator, Params, Part, REV, Reply, id, json, read_json, rev_header};
use super::{upload, window};
use crate::context::Context;
use crate::driver::fresh;
use crate::layouts::event_in;
use crate::snapshot::event_rev;
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

async fn create(
    State(context): State<Context>,
    Extension(by): Extension<Administrator>,
    request: Request,
) -> Reply {
    let (about, _): (About, _) = read_json(request).await?;
    let event = EventId::new(context.clock.now(), u128::from_be_bytes(fresh()));
    let create = Command::CreateEvent(CreateEvent { event, about });
    context.lanes.submit_noted(create, by.note()).await?;
    answer(&context, StatusCode::CREATED, event).await
}

async fn change(
    State(context): State<Context>,
    Part(event): Part,
    Extension(by): Extension<Administrator>,
    request: Request,
) -> Reply {
    let event = id(&event, "event")?;
    let (patch, _): (EventPatch, _) = read_json(request).await?;
    let change = Command::ChangeEvent(ChangeEvent { event, patch });
    context.lanes.submit_noted(change, by.note()).await?;
    answer(&context, StatusCode::OK, event).await
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
    Extension(by): Extension<Administrator>,
) -> Reply {
    let event = id(&event, "event")?;
    let at = window::opening(&context, urgency.urgent.unwrap_or(false)).await?;
    let publish = Publish {
        event,
        at: Some(at),
        due_at: None,
    };
    let publish = Command::Publish(publish);
    context.lanes.submit_noted(publish, by.note()).await?;
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, event).await?;
    match record.map(|record| record.life) {
        Some(Life::Scheduled { at }) => {
            let rev = event_rev(&snapshot, event).await?;
            json(StatusCode::ACCEPTED, &PublishAt { at }, Some(rev))
        }
        _ => shown(&snapshot, StatusCode::OK, event).await,
    }
}

async fn cancel(
    State(context): State<Context>,
    Part(event): Part,
    Extension(by): Extension<Administrator>,
) -> Reply {
    let event = id(&event, "event")?;
    let cancel = Command::CancelEvent(CancelEvent { event });
    context.lanes.submit_noted(cancel, by.note()).await?;
    answer(&context, StatusCode::OK, event).await
}

async fn withdraw(
    context: State<Context>,
    Part(event): Part,
    by: Extension<Administrator>,
    request: Request,
) -> Reply {
    change_tickets(&context, &event, by.0, request, false).await
}

async fn restore(
    context: State<Context>,
    Part(event): Part,
    by: Extension<Administrator>,
    request: Request,
) -> Reply {
    change_tickets(&context, &event, by.0, request, true).await
}

async fn change_tickets(
    context: &Context,
    event: &str,
    by: Administrator,
    request: Request,
    restore: bool,
) -> Reply {
    let event = id(event, "event")?;
    let (TicketsRequest { tickets }, _) = read_json(request).await?;
    let withdraw = Command::Withdraw(Withdraw {
        event,
        tickets,
        restore,
    });
    context.lanes.submit_noted(withdraw, by.note()).await?;
    answer(context, StatusCode::OK, event).await
}

async fn refund(
    State(context): State<Context>,
    Part(reservation): Part,
    Extension(by): Extension<Administrator>,
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
    let refund = Command::Refund(refund);
    context.lanes.submit_noted(refund, by.note()).await?;
    let rev = event_rev(&context.store.snapshot().await?, found.event).await?;
    Ok((StatusCode::ACCEPTED, [(REV, rev_header(rev))]).into_response())
}

/// An event as it is now.
async fn answer(context: &Context, status: StatusCode, event: EventId) -> Reply {
    shown(&context.store.snapshot().await?, status, event).await
}
