//! What of an event is sold, by tier and by hour.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use parterre_domain::state::counter;
use parterre_domain::wire::admin::Sales;
use parterre_domain::{EventId, Refusal, keys, limits};

use super::answer::{Part, Reply, id, json};
use crate::context::Context;
use crate::layouts::event_in;
use crate::snapshot::{counts, event_rev};
use crate::store::any::AnySnapshot;
use crate::store::{Failure, Snapshot, Store};

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/admin/v1/events/{id}/sales", get(sales))
}

async fn sales(State(context): State<Context>, Part(event): Part) -> Reply {
    let snapshot = context.store.snapshot().await?;
    let record = event_in(&snapshot, id(&event, "event")?)
        .await?
        .ok_or(Refusal::NotFound("event"))?;
    let counts = counts(&snapshot, &record).await?;
    let sales = Sales::new(&record, counts, &rows(&snapshot, record.id).await?);
    let rev = event_rev(&snapshot, record.id).await?;
    json(StatusCode::OK, &sales, Some(rev))
}

/// Hour, tier and tickets of every row. Each has seen a sale of its own, so that there
/// are hardly more than tickets.
async fn rows(snapshot: &AnySnapshot, event: EventId) -> Result<Vec<(u64, u16, i64)>, Failure> {
    let mut range = keys::all_sales(event);
    let mut sales = Vec::new();
    loop {
        let rows = snapshot.range(&range, limits::ROWS_PER_READ).await?;
        sales.extend(rows.iter().filter_map(|(key, value)| {
            let (_, hour, tier) = keys::sales_of(key)?;
            Some((hour, tier, counter(value)))
        }));
        match rows.last() {
            Some((last, _)) if rows.len() == limits::ROWS_PER_READ => range = range.after(last),
            _ => return Ok(sales),
        }
    }
}
