//! The public API's writes, and its reads of reservations, as edges forward them.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use parterre_domain::command::{Answer, Command, Idempotency, Reserve};
use parterre_domain::wire::api::{CheckoutRequest, Reservation, ReserveRequest};
use parterre_domain::wire::feed::RESERVATION_HEADER;
use parterre_domain::{
    EventId, Layout, Refusal, ReservationId, ReservationRecord, ReservedTicket, Slug, TicketId,
    TicketState, Token, limits,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::{
    BODY, Failed, Part, REV, Reply, bearer, body, id, json, read_json, rev_header,
};
use crate::context::Context;
use crate::driver::fresh;
use crate::lane::{Committed, Rejected};
use crate::layouts::LaidOut;
use crate::payment::WebhookError;
use crate::planning::BestRequest;
use crate::snapshot::{event_rev, states_of};
use crate::store::Store;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/events/{id}/reservations", post(reserve))
        .route("/v1/reservations/{id}", get(show).delete(release))
        .route("/v1/reservations/{id}/checkout", post(checkout))
        .route("/v1/payments/{provider}/webhook", post(webhook))
}

async fn reserve(State(context): State<Context>, Part(event): Part, request: Request) -> Reply {
    let event: EventId = id(&event, "event")?;
    let reservation = reservation_id(request.headers(), &context)?;
    let key = idempotency_key(request.headers())?;
    let (wish, bytes): (ReserveRequest, _) = read_json(request).await?;
    let idempotency = key.map(|key| Idempotency {
        key,
        fingerprint: Sha256::digest(&bytes).into(),
    });
    let token = Token::new(fresh());
    let laid_out = context.layouts.get(event).await?;
    let laid_out = laid_out.ok_or(Refusal::NotFound("event"))?;
    let committed = match (wish.tickets, wish.best) {
        (Some(tickets), None) => {
            let tickets = with_tiers(&laid_out.layout, tickets);
            let reserve = Reserve {
                event,
                reservation,
                token,
                tickets,
                idempotency,
            };
            context.lanes.submit(Command::Reserve(reserve)).await?
        }
        (None, Some(wish)) => {
            context
                .lanes
                .reserve_best(BestRequest {
                    event,
                    reservation,
                    token,
                    wish,
                    idempotency,
                })
                .await?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::invalid("tickets", "send either tickets or best").into());
        }
    };
    created(&context, &laid_out, committed).await
}

async fn created(context: &Context, event: &LaidOut, committed: Committed) -> Reply {
    let (record, states, rev, outcome) = match committed.answer {
        Answer::Reservation(record) => {
            let states = vec![TicketState::Pending; record.tickets.len()];
            (record, states, committed.rev, "reserved")
        }
        Answer::Replayed(record) => {
            let snapshot = context.store.snapshot().await?;
            let states = states_of(&snapshot, &record).await?;
            (
                record,
                states,
                event_rev(&snapshot, event.record.id).await?,
                "replayed",
            )
        }
        other => return Err(Rejected::Broken(format!("reserving answered {other:?}")).into()),
    };
    context
        .metrics
        .reservations
        .with_label_values(&[outcome])
        .inc();
    let mut response = json(
        StatusCode::CREATED,
        &Reservation::new(&record, &event.record, &event.layout, states, true),
        Some(rev),
    )?;
    let location = HeaderValue::try_from(format!("/v1/reservations/{}", record.id));
    response
        .headers_mut()
        .extend(location.map(|location| (header::LOCATION, location)));
    Ok(response)
}

/// Each ticket with its tier. One that the event doesn't have gets any: the rule refuses
/// it by its number.
fn with_tiers(layout: &Layout, tickets: Vec<TicketId>) -> Vec<ReservedTicket> {
    let tickets = tickets.into_iter().take(limits::TICKETS_PER_COMMAND);
    tickets
        .map(|id| ReservedTicket {
            id,
            tier: layout.tier_of(id).unwrap_or(0),
        })
        .collect()
}

async fn show(
    State(context): State<Context>,
    Part(reservation): Part,
    headers: HeaderMap,
) -> Reply {
    let record = owned(&context, &reservation, &headers).await?;
    let event = context.layouts.get(record.event).await?;
    let event = event.ok_or(Refusal::NotFound("reservation"))?;
    let states = states_of(&context.store.snapshot().await?, &record).await?;
    let mut shown = Reservation::new(&record, &event.record, &event.layout, states, false);
    context.passes.add_to(&mut shown);
    json(StatusCode::OK, &shown, None)
}

async fn release(
    State(context): State<Context>,
    Part(reservation): Part,
    headers: HeaderMap,
) -> Reply {
    let record = owned(&context, &reservation, &headers).await?;
    let released = context.payments.release(&record).await?;
    let rev = match released.answer {
        // An earlier request has done it: the event as it is now surely has it.
        Answer::Replayed(_) => event_rev(&context.store.snapshot().await?, record.event).await?,
        _ => released.rev,
    };
    Ok((StatusCode::NO_CONTENT, [(REV, rev_header(rev))]).into_response())
}

async fn checkout(
    State(context): State<Context>,
    Part(reservation): Part,
    request: Request,
) -> Reply {
    let record = owned(&context, &reservation, request.headers()).await?;
    let (checkout, _): (CheckoutRequest, _) = read_json(request).await?;
    json(
        StatusCode::OK,
        &context.payments.checkout(&record, checkout).await?,
        None,
    )
}

async fn webhook(State(context): State<Context>, Part(provider): Part, request: Request) -> Reply {
    let headers = request.headers().clone();
    let bytes = body(request, BODY).await?;
    let taken: Result<(), WebhookError> =
        context.payments.webhook(&provider, &headers, &bytes).await;
    match taken {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(WebhookError::NoProvider) => Err(Refusal::NotFound("payment provider").into()),
        Err(WebhookError::Signature(bad)) => Err(Slug::Malformed.problem(bad.to_string()).into()),
        Err(WebhookError::Rejected(rejected)) => Err(rejected.into()),
    }
}

/// A reservation whose token the asker has.
async fn owned(
    context: &Context,
    reservation: &str,
    headers: &HeaderMap,
) -> Result<ReservationRecord, Failed> {
    let given = bearer(headers)?;
    let reservation: ReservationId = id(reservation, "reservation")?;
    let record = context
        .payments
        .find(reservation)
        .await?
        .ok_or(Refusal::NotFound("reservation"))?;
    let token: Option<Token> = given.parse().ok();
    let right =
        token.is_some_and(|token| bool::from(token.as_bytes().ct_eq(record.token.as_bytes())));
    if right {
        Ok(record)
    } else {
        Err(Slug::Forbidden
            .problem("the token isn't this reservation's")
            .into())
    }
}

/// The id that the edge minted; a core that is asked directly mints one itself.
fn reservation_id(headers: &HeaderMap, context: &Context) -> Result<ReservationId, Failed> {
    match headers.get(RESERVATION_HEADER) {
        Some(value) => id(value.to_str().unwrap_or_default(), "reservation"),
        None => Ok(ReservationId::new(
            context.clock.now(),
            u128::from_be_bytes(fresh()),
        )),
    }
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failed> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| {
        limits::IDEMPOTENCY_KEY_CHARS.contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match key {
        Some(key) => Ok(Some(key.to_owned())),
        None => {
            let (low, high) = (
                limits::IDEMPOTENCY_KEY_CHARS.start(),
                limits::IDEMPOTENCY_KEY_CHARS.end(),
            );
            Err(Refusal::invalid(
                "Idempotency-Key",
                format!("must be {low} to {high} visible ASCII characters"),
            )
            .into())
        }
    }
}
