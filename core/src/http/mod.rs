//! The core's HTTP: the admin API, and the writes and feeds that edges ask for.

mod admin;
mod admin_lists;
pub(crate) mod answer;
mod audit;
mod internal;
mod openapi;
mod page;
mod public;
mod sales;
mod serve;
mod upload;
mod window;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use parterre_domain::{Slug, limits};
use prometheus::IntGauge;
use tracing::Instrument;

#[cfg(test)]
pub(crate) use public::idempotency_key;
pub(crate) use serve::{Server, bind};

use crate::context::Context;
use crate::payment;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Everything that edges and administrators reach.
pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .merge(
            admin::routes()
                .merge(admin_lists::routes())
                .merge(audit::routes())
                .merge(sales::routes())
                .merge(window::routes())
                .layer(middleware::from_fn(openapi::documented_queries_only))
                .layer(middleware::from_fn_with_state(
                    context.clone(),
                    answer::administrators_only,
                )),
        )
        .merge(
            public::routes()
                .merge(internal::routes())
                .merge(payment::page::routes())
                .layer(middleware::from_fn_with_state(
                    context.clone(),
                    answer::cluster_only,
                )),
        )
        .merge(openapi::routes())
        .merge(page::routes())
        .fallback(async || answer::Failed::from(Slug::NotFound.problem("there is no such path")))
        .method_not_allowed_fallback(async || {
            answer::Failed::from(
                Slug::MethodNotAllowed.problem("this path doesn't take this method"),
            )
        })
        .layer(middleware::from_fn_with_state(context.clone(), observe))
        .with_state(context)
}

/// Gives every request its id, its span and its place in the metrics.
async fn observe(State(context): State<Context>, request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| well_formed(id))
        .cloned();
    let id = id.unwrap_or_else(|| answer::hex_header(crate::driver::fresh()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or(""), method = %request.method(), route);
    let timer = context
        .metrics
        .request_seconds
        .with_label_values(&[&route])
        .start_timer();
    let in_flight = InFlight::new(&context.metrics.requests_in_flight);
    let answered = next.run(request).instrument(span.clone()).await;
    let mut response = answered.into_response();
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    drop(in_flight);
    timer.observe_duration();
    answer::say_when(&mut response, context.clock.now());
    context
        .metrics
        .requests
        .with_label_values(&[&route, response.status().as_str()])
        .inc();
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Counts a request as in flight until it is answered or its client has gone.
struct InFlight(IntGauge);

impl InFlight {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// An id that an edge handed on: short, and nothing that could spoil a log.
fn well_formed(id: &HeaderValue) -> bool {
    limits::REQUEST_ID_CHARS.contains(&id.len())
        && id
            .as_bytes()
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}
