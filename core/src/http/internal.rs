//! What edges ask for: the feed and the snapshots beside it.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::TokioIo;
use parterre_domain::{EventRecord, Refusal, Slug};
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::answer::{Params, Part, Reply, encoded, id};
use crate::context::Context;
use crate::feed::serve;
use crate::snapshot;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/internal/v1/feed", get(follow))
        .route("/internal/v1/catalog", get(catalog))
        .route("/internal/v1/events/{id}", get(event))
        .route("/internal/v1/events/{id}/layout", get(layout))
}

async fn follow(State(context): State<Context>, mut request: Request) -> Reply {
    let key = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    let accept = key.and_then(|key| HeaderValue::try_from(key).ok());
    let accept = accept.ok_or_else(|| {
        Slug::Malformed.problem("the feed is a WebSocket; Sec-WebSocket-Key is missing")
    })?;
    let place = context.feed.place();
    let place =
        place.ok_or_else(|| Slug::Busy.problem("this core feeds as many edges as it can"))?;
    let upgrade = hyper::upgrade::on(&mut request);
    // Not the whole context: a feed must not keep the lanes from ending.
    let feed = context.feed.clone();
    let (store, metrics) = (context.store.clone(), context.metrics.clone());
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let settings = Some(serve::websocket());
                let socket = WebSocketStream::from_raw_socket(
                    TokioIo::new(upgraded),
                    Role::Server,
                    settings,
                )
                .await;
                serve::serve(&feed, &store, &metrics, socket).await;
            }
            Err(error) => tracing::warn!(%error, "an edge's connection couldn't be upgraded"),
        }
        drop(place);
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

#[derive(Deserialize)]
struct Page {
    after: Option<String>,
    #[serde(default)]
    from: u32,
}

async fn catalog(State(context): State<Context>, Params(page): Params<Page>) -> Reply {
    Ok(encoded(
        &snapshot::catalog(&context.store, page.after.as_deref()).await?,
    ))
}

async fn event(State(context): State<Context>, Part(event): Part) -> Reply {
    let found = snapshot::event(&context.store, id(&event, "event")?).await?;
    let public = found.filter(|snapshot| EventRecord::is_public(&snapshot.record));
    Ok(encoded(&public.ok_or(Refusal::NotFound("event"))?))
}

async fn layout(
    State(context): State<Context>,
    Part(event): Part,
    Params(page): Params<Page>,
) -> Reply {
    let found = snapshot::layout(&context.store, id(&event, "event")?, page.from).await?;
    let page: Option<Response> = found.map(|page| encoded(&page));
    Ok(page.ok_or(Refusal::NotFound("event"))?)
}
