//! The creation window: what it is, and what it puts off.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use parterre_domain::command::{Command, SetCreationWindow};
use parterre_domain::state::counter;
use parterre_domain::window::{hour_of, suggest};
use parterre_domain::wire::api::CreationWindowAnswer;
use parterre_domain::{CreationWindow, Refusal, Timestamp, keys, limits};

use super::answer::{Failed, Reply, json, read_json};
use crate::context::Context;
use crate::layouts::decode;
use crate::store::any::AnySnapshot;
use crate::store::{Failure, Snapshot, Store};

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/admin/v1/creation-window", get(show).put(set))
}

async fn show(State(context): State<Context>) -> Reply {
    let snapshot = context.store.snapshot().await?;
    let window = of(&snapshot).await?;
    answer(&snapshot, window, context.clock.now()).await
}

async fn set(State(context): State<Context>, request: Request) -> Reply {
    let (window, _): (CreationWindow, _) = read_json(request).await?;
    let set = SetCreationWindow {
        window: window.clone(),
    };
    let set = Command::SetCreationWindow(set);
    context.lanes.submit(set).await?;
    let snapshot = context.store.snapshot().await?;
    answer(&snapshot, window, context.clock.now()).await
}

async fn answer(snapshot: &AnySnapshot, window: CreationWindow, now: Timestamp) -> Reply {
    let tz = match &window {
        CreationWindow::Always {} => "UTC",
        CreationWindow::Daily(hours) => &hours.tz,
    };
    let from = hour_of(now).saturating_sub(limits::SUGGESTION_DAYS * 24);
    let rows = snapshot
        .range(&keys::purchases_from(from), limits::ROWS_PER_READ)
        .await?;
    let purchases: Vec<(u64, i64)> = rows
        .iter()
        .filter_map(|(key, value)| Some((keys::purchase_hour_of(key)?, counter(value))))
        .collect();
    let suggested = suggest(&purchases, tz, now);
    json(
        StatusCode::OK,
        &CreationWindowAnswer { window, suggested },
        None,
    )
}

async fn of(snapshot: &AnySnapshot) -> Result<CreationWindow, Failure> {
    let key = keys::CREATION_WINDOW.to_vec();
    match snapshot.get(&key).await? {
        Some(value) => decode(&key, &value),
        None => Ok(CreationWindow::Always {}),
    }
}

/// When a bulk write may run that is asked for now.
pub(super) async fn opening(context: &Context, urgent: bool) -> Result<Timestamp, Failed> {
    let now = context.clock.now();
    if urgent {
        return Ok(now);
    }
    let window = of(&context.store.snapshot().await?).await?;
    Ok(window.opening(now))
}

/// That so many tickets may be uploaded now.
pub(super) async fn check_upload(
    context: &Context,
    tickets: usize,
    urgent: bool,
) -> Result<(), Failed> {
    if tickets <= limits::TICKETS_AT_ANY_HOUR {
        return Ok(());
    }
    let opens_at = opening(context, urgent).await?;
    if opens_at > context.clock.now() {
        return Err(Refusal::OutsideCreationWindow { opens_at }.into());
    }
    Ok(())
}
