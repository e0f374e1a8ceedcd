//! Uploads of tickets to a draft: parsed, cut into chunks, staged one by one behind
//! waiting sales, then taken up at once.

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use parterre_domain::command::{AddTickets, Answer, Command, StageChunk};
use parterre_domain::upload::{self, Prices, UploadError};
use parterre_domain::wire::api::{TicketsAdded, TicketsUpload};
use parterre_domain::{
    EventId, EventRecord, FieldError, LayoutChunk, Refusal, Slug, Tier, UploadId, limits,
};
use serde::Deserialize;

use super::answer::{Failed, Params, Reply, body, id, json};
use crate::context::Context;
use crate::driver::fresh;
use crate::lane::Rejected;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceQuery {
    price: Option<String>,
    prices: Option<String>,
    #[serde(rename = "urgent")]
    _urgent: Option<bool>,
}

pub(super) async fn add_tickets(
    State(context): State<Context>,
    Path(event): Path<String>,
    Params(query): Params<PriceQuery>,
    request: Request,
) -> Reply {
    let event: EventId = id(&event, "event")?;
    let (record, _) = context
        .layouts
        .get(event)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let mut upload = parsed(query, request).await?;
    let added = u32::try_from(upload.tickets.len()).unwrap_or(u32::MAX);
    let tiers = merge(&record, std::mem::take(&mut upload.tiers))?;
    let index = indices(&tiers, &upload)?;
    let chunks = LayoutChunk::cut(&upload.tickets, |tier| {
        index.get(tier).copied().unwrap_or(0)
    });
    let name = UploadId(fresh());
    for (number, chunk) in (0..).zip(&chunks) {
        stage(
            &context,
            StageChunk {
                event,
                upload: name,
                number,
                bytes: parterre_domain::encode(chunk),
            },
        )
        .await?;
    }
    let sections: std::collections::HashSet<&str> = upload
        .tickets
        .iter()
        .map(|ticket| ticket.section.as_str())
        .collect();
    let add = AddTickets {
        event,
        upload: name,
        chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
        tickets: added,
        sections: u32::try_from(sections.len()).unwrap_or(u32::MAX),
        with_places: upload.tickets.iter().all(|ticket| ticket.x.is_some()),
        tiers,
    };
    match context.lanes.submit(Command::AddTickets(add)).await?.answer {
        Answer::Event(record) => json(
            StatusCode::OK,
            &TicketsAdded {
                added,
                total: record.total,
            },
            None,
        ),
        _ => Err(Slug::Internal
            .problem("something broke; the operators have been told")
            .into()),
    }
}

/// Stages one chunk. A full lane only means that sales go first.
async fn stage(context: &Context, chunk: StageChunk) -> Result<(), Failed> {
    loop {
        match context
            .lanes
            .submit(Command::StageChunk(chunk.clone()))
            .await
        {
            Ok(_) => return Ok(()),
            Err(Rejected::Busy) => tokio::time::sleep(limits::SWEEP_INTERVAL).await,
            Err(rejected) => return Err(rejected.into()),
        }
    }
}

async fn parsed(query: PriceQuery, request: Request) -> Result<TicketsUpload, Failed> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let bytes = body(request, limits::UPLOAD_BYTES).await?;
    let prices = Prices::parse(query.price.as_deref(), query.prices.as_deref())?;
    let upload = match kind.as_str() {
        "application/json" => upload::json(&bytes),
        "text/csv" => upload::csv(&bytes, &prices),
        "application/vnd.pretix.seating-plan+json" => upload::pretix(&bytes, &prices),
        _ => {
            let detail = "tickets come as application/json, text/csv or application/vnd.pretix.seating-plan+json";
            return Err(Slug::UnsupportedMediaType.problem(detail).into());
        }
    };
    upload.map_err(|error| match error {
        UploadError::Malformed(detail) => Slug::Malformed.problem(detail).into(),
        UploadError::Refused(refusal) => refusal.into(),
    })
}

/// The draft's own tiers, then those that are new.
fn merge(record: &EventRecord, new: Vec<Tier>) -> Result<Vec<Tier>, Refusal> {
    let mut tiers = record.tiers.clone();
    for tier in new {
        match record.tiers.iter().find(|known| known.id == tier.id) {
            Some(known) if *known == tier => {}
            Some(_) => {
                let reason = format!("tier {:?} is there with another name or price", tier.id);
                return Err(Refusal::invalid("tiers", reason));
            }
            None => tiers.push(tier),
        }
    }
    Ok(tiers)
}

type Indices = std::collections::HashMap<String, u16>;

/// Where each tier that a ticket names stands.
fn indices(tiers: &[Tier], upload: &TicketsUpload) -> Result<Indices, Refusal> {
    let index: Indices = (0..)
        .zip(tiers)
        .map(|(at, tier)| (tier.id.clone(), at))
        .collect();
    let unknown = (0..)
        .zip(&upload.tickets)
        .filter(|(_, ticket)| !index.contains_key(&ticket.tier));
    let named = unknown.map(|(at, ticket): (usize, _)| {
        FieldError::new(
            format!("tickets[{at}].tier"),
            format!("there is no tier {:?}", ticket.tier),
        )
    });
    let errors: Vec<FieldError> = named.take(50).collect();
    if errors.is_empty() {
        Ok(index)
    } else {
        Err(Refusal::Invalid(errors))
    }
}
