//! Uploads of tickets to a draft: parsed, cut into chunks, staged one by one behind
//! waiting sales, then taken up at once.

use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use parterre_domain::command::{AddTickets, Command, StageChunk};
use parterre_domain::upload::{self, BadUpload, Format, Prices, Uploaded};
use parterre_domain::wire::api::TicketsAdded;
use parterre_domain::{
    AuditNote, EventId, EventRecord, LayoutChunk, Life, Refusal, Slug, UploadId, limits,
};
use serde::Deserialize;

use super::answer::{Administrator, Failed, Params, Part, Reply, UPLOAD, body, id, json};
use super::window;
use crate::context::Context;
use crate::driver::fresh;
use crate::lane::{Committed, Rejected};
use crate::layouts::event_in;
use crate::snapshot::event_rev;
use crate::store::Store;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceQuery {
    price: Option<String>,
    prices: Option<String>,
    urgent: Option<bool>,
}

pub(super) async fn add_tickets(
    State(context): State<Context>,
    Part(event): Part,
    Params(query): Params<PriceQuery>,
    Extension(by): Extension<Administrator>,
    request: Request,
) -> Reply {
    let event: EventId = id(&event, "event")?;
    let prices = Prices::parse(query.price.as_deref(), query.prices.as_deref())?;
    let format = format(&request)?;
    // Held to the end: what was parsed is as large as what is being read.
    let Ok(_slot) = context.uploads.try_acquire() else {
        let detail = "other uploads are under way; nothing was done";
        return Err(Slug::Busy.problem(detail).into());
    };
    let record = draft(&context, event).await?;
    let bytes = body(request, UPLOAD).await?;
    let (uploaded, chunks) = parse(format, bytes, prices, &record).await?;
    room(&record, &uploaded)?;
    let urgent = query.urgent.unwrap_or(false);
    window::check_upload(&context, uploaded.tickets.len(), urgent).await?;
    let added = count(uploaded.tickets.len());
    stage(&context, event, uploaded, chunks, by.note()).await?;
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, event)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let rev = event_rev(&snapshot, event).await?;
    let total = record.total;
    let body = TicketsAdded { added, total };
    json(StatusCode::OK, &body, Some(rev))
}

fn format(request: &Request) -> Result<Format, Failed> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let format = kind
        .and_then(|kind| kind.to_str().ok())
        .and_then(Format::of_content_type);
    format.ok_or_else(|| {
        let detail = "tickets come as application/json, text/csv or application/vnd.pretix.seating-plan+json";
        Slug::UnsupportedMediaType.problem(detail).into()
    })
}

/// An event that takes tickets. The rule checks it again; this spares an upload that
/// can't succeed.
async fn draft(context: &Context, event: EventId) -> Result<EventRecord, Failed> {
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, event)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let state = match record.life {
        Life::Draft => return Ok(record),
        Life::Scheduled { .. } => "scheduled",
        Life::Published => "published",
        Life::Cancelled | Life::Dropped => "cancelled",
    };
    let reason = "tickets are added to drafts only";
    Err(Refusal::Conflict { state, reason }.into())
}

/// Parses and cuts on a thread that may be busy for a second.
async fn parse(
    format: Format,
    bytes: Bytes,
    prices: Prices,
    record: &EventRecord,
) -> Result<(Uploaded, Vec<LayoutChunk>), Failed> {
    let own = record.tiers.clone();
    let parsed = tokio::task::spawn_blocking(move || {
        let uploaded = upload::read(format, &bytes, &prices, &own)?;
        let chunks = uploaded.cut();
        Ok::<_, BadUpload>((uploaded, chunks))
    });
    let parsed = parsed
        .await
        .map_err(|error| Rejected::Broken(error.to_string()))?;
    Ok(parsed?)
}

/// That the tickets fit into the event, before a chunk of them is written.
fn room(record: &EventRecord, uploaded: &Uploaded) -> Result<(), Refusal> {
    let (limit, has) = (limits::TICKETS_PER_EVENT, record.total);
    if uploaded.tickets.is_empty() {
        return Err(Refusal::invalid("tickets", "must not be empty"));
    }
    if count(uploaded.tickets.len()) > limit.saturating_sub(has) {
        let reason = format!("an event has at most {limit}; this one has {has}");
        return Err(Refusal::invalid("tickets", reason));
    }
    Ok(())
}

async fn stage(
    context: &Context,
    event: EventId,
    uploaded: Uploaded,
    chunks: Vec<LayoutChunk>,
    note: AuditNote,
) -> Result<Committed, Rejected> {
    let upload = UploadId(fresh());
    for (number, chunk) in (0..).zip(&chunks) {
        let stage = StageChunk {
            event,
            upload,
            number,
            bytes: parterre_domain::encode(chunk),
        };
        patiently(context, Command::StageChunk(stage), None).await?;
    }
    let add = AddTickets {
        event,
        upload,
        chunks: count(chunks.len()),
        tickets: count(uploaded.tickets.len()),
        sections: count(uploaded.sections().len()),
        with_places: uploaded.with_places,
        tiers: uploaded.tiers,
    };
    patiently(context, Command::AddTickets(add), Some(note)).await
}

/// Submits a command that may be repeated. A full lane only means that sales go first.
async fn patiently(
    context: &Context,
    command: Command,
    note: Option<AuditNote>,
) -> Result<Committed, Rejected> {
    let submit = async || match note.clone() {
        Some(note) => context.lanes.submit_noted(command.clone(), note).await,
        None => context.lanes.submit(command.clone()).await,
    };
    for _ in 1..limits::UPLOAD_TRIES {
        match submit().await {
            Err(Rejected::Busy | Rejected::Unavailable | Rejected::OutcomeUnknown) => {
                tokio::time::sleep(limits::SWEEP_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
    submit().await
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
