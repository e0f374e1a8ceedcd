//! The audit trail.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use parterre_domain::wire::admin::AuditList;
use parterre_domain::{hex, keys};

use super::admin_lists::Page;
use super::answer::{Params, Reply, json};
use crate::context::Context;
use crate::layouts::decode;
use crate::store::{Failure, Snapshot, Store};

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/admin/v1/audit", get(entries))
}

async fn entries(State(context): State<Context>, Params(page): Params<Page>) -> Reply {
    let limit = page.limit()?;
    let range = page.behind(keys::audits())?;
    let snapshot = context.store.snapshot().await?;
    let mut rows = snapshot.range(&range, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let entries = rows.iter().map(|(key, value)| decode(key, value));
    let list = AuditList {
        entries: entries.collect::<Result<_, Failure>>()?,
        next_cursor: rows.last().filter(|_| more).map(|(key, _)| hex(key)),
    };
    json(StatusCode::OK, &list, None)
}
