//! The operators' listener.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parterre_domain::limits;

use crate::context::Context;
use crate::store::Store;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(context): State<Context>) -> Response {
    match tokio::time::timeout(limits::READY_TIMEOUT, context.store.snapshot()).await {
        Ok(Ok(_)) => "ready\n".into_response(),
        Ok(Err(failure)) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{failure}\n")).into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store doesn't answer\n",
        )
            .into_response(),
    }
}

async fn metrics(State(context): State<Context>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        context.metrics.to_text(),
    )
        .into_response()
}
