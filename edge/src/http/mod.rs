//! The public API over HTTP, but for `GET /v1/live`, which the shard hands to the live
//! part.
//!
//! A read is: match the path, find the cell, compare the tag, write ready bytes. Writes
//! are checked against the cell, then forwarded.

mod answer;
mod lists;
pub(crate) mod negotiate;
pub(crate) mod query;
mod ready;
pub mod route;
mod still;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_gate::head;
use tracing::{Instrument, Span};

use parterre_domain::{EventId, Problem, Slug, hex};

use crate::cell::Cell;
use crate::context::Edge;
use crate::cores::CoreUnavailable;
use crate::forward::Forwarder;
use crate::metrics::RouteLabel;
use crate::render::{BodyKey, Kind, Representation};
pub(crate) use answer::REQUEST_ID;
use answer::{CHANGING, Found, IMMUTABLE};
pub(crate) use lists::Lists;
pub use ready::Ready;
use route::Route;
pub(crate) use still::Still;
pub(crate) use stream::Opens;

/// The body of an answer.
pub type Body = Full<Bytes>;

/// Answers a request that came at `began`; says under which name to count it.
pub async fn respond(
    edge: &Arc<Edge>,
    forwarder: &Forwarder,
    request: Request<Incoming>,
    began: Instant,
) -> (RouteLabel, Response<Body>) {
    let id = request_id();
    let (parts, body) = request.into_parts();
    let route = Route::of(parts.uri.path());
    let span = span(route, &parts.method, &id);
    let answering = dispatch(edge, forwarder, route, parts, body, &id, began);
    let mut response = answering.instrument(span).await;
    response.headers_mut().insert(REQUEST_ID, id);
    (route.map_or(RouteLabel::Unknown, Route::label), response)
}

/// What a request's records in the log stand under, on its core by the same id. Reads
/// from memory are the many and have nothing to tell.
fn span(route: Option<Route>, method: &Method, id: &HeaderValue) -> Span {
    let Some(route) = route.filter(|route| route.is_forwarded()) else {
        return tracing::debug_span!("request", id = id.to_str().unwrap_or(""), %method);
    };
    let label = route.label().name();
    tracing::info_span!("request", id = id.to_str().unwrap_or(""), %method, route = label)
}

/// A problem as the answer to a request whose path isn't looked at.
pub(crate) fn refuse(problem: &Problem) -> Response<Body> {
    let mut response = answer::problem(problem);
    response.headers_mut().insert(REQUEST_ID, request_id());
    response
}

/// An answer without a body that no request's path decided.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(REQUEST_ID, request_id());
    response
}

/// Sixteen hexadecimal digits at random: enough to find one request in a day's logs.
fn request_id() -> HeaderValue {
    let digits = hex(&fastrand::u64(..).to_le_bytes());
    HeaderValue::try_from(digits).unwrap_or(HeaderValue::from_static("0"))
}

async fn dispatch(
    edge: &Arc<Edge>,
    forwarder: &Forwarder,
    route: Option<Route>,
    parts: Parts,
    body: Incoming,
    id: &HeaderValue,
    began: Instant,
) -> Response<Body> {
    if let Err(problem) = head::check(&parts.uri, &parts.headers) {
        return answer::problem(&problem);
    }
    let Some(route) = route else {
        return answer::problem(&Slug::NotFound.problem("there is no such path"));
    };
    if !route.takes(&parts.method) {
        return answer::method_not_allowed(route.allow());
    }
    match route {
        Route::Home => parterre_page::shop(&parts.headers),
        Route::Part => parterre_page::part(parts.uri.path(), &parts.headers).unwrap_or_else(|| {
            answer::problem(&Slug::NotFound.problem("there is no such part of the page"))
        }),
        Route::Document => document(edge, parts.headers),
        Route::Live => answer::method_not_allowed(route.allow()),
        Route::Stream(event) => stream::open(edge, event, &parts)
            .await
            .unwrap_or_else(|problem| answer::problem(&problem)),
        Route::Keys
        | Route::Events
        | Route::Event(_)
        | Route::Layout(_)
        | Route::Availability(_)
        | Route::Tickets(_)
        | Route::Similar(_) => match read(edge, route, &parts, began).await {
            Ok(found) => {
                let stale = edge.freshness.stale_seconds(Instant::now());
                found.into_response(parts.headers, stale)
            }
            Err(problem) => answer::problem(&problem),
        },
        Route::Reserve(_)
        | Route::Reservation(_)
        | Route::Checkout(_)
        | Route::Webhook
        | Route::SandboxPage
        | Route::SandboxButton => {
            let forwarded = forward(edge, forwarder, route, parts, body, id).await;
            forwarded.unwrap_or_else(|problem| answer::problem(&problem))
        }
    }
}

fn document(edge: &Edge, headers: HeaderMap) -> Response<Body> {
    let encoding = negotiate::of(&headers).encoding;
    edge.document
        .found(encoding, &edge.metrics)
        .into_response(headers, None)
}

/// What a core answers. What a provider puts into a query is between it and the core.
async fn forward(
    edge: &Edge,
    forwarder: &Forwarder,
    route: Route,
    parts: Parts,
    body: Incoming,
    id: &HeaderValue,
) -> Result<Response<Body>, Problem> {
    match route {
        Route::Reserve(event) => {
            query::none(parts.uri.query())?;
            forwarder.reserve(edge, event, parts, body, id).await
        }
        Route::Reservation(_) | Route::Checkout(_) => {
            query::none(parts.uri.query())?;
            forwarder.forward(parts, body, id).await
        }
        _ => forwarder.forward(parts, body, id).await,
    }
}

async fn read(
    edge: &Arc<Edge>,
    route: Route,
    parts: &Parts,
    began: Instant,
) -> Result<Found, Problem> {
    let query = parts.uri.query();
    let representation = negotiate::of(&parts.headers);
    let (event, kind, cache) = match route {
        Route::Event(event) => (event, Kind::Detail, CHANGING),
        Route::Layout(event) => (event, Kind::Layout, IMMUTABLE),
        Route::Availability(event) => (event, Kind::Availability, CHANGING),
        Route::Tickets(event) => return read_tickets(edge, event, query, representation).await,
        Route::Similar(event) => return read_similar(edge, event, query, representation).await,
        Route::Keys => return read_keys(edge, query, representation),
        // The caller sends nothing else here.
        _ => return read_events(edge, query, representation).await,
    };
    query::none(query)?;
    let cell = find(edge, event).await?;
    if kind == Kind::Detail {
        edge.neighbours.looked_at(&cell, began);
    }
    let key = BodyKey {
        kind,
        representation,
    };
    let found = Found::of(cell.body(key, &edge.renderer).await, cache);
    Ok(match kind {
        // Made once, and as true now as then.
        Kind::Layout => found.at(cell.rev()),
        Kind::Detail | Kind::Availability => found,
    })
}

async fn read_events(
    edge: &Arc<Edge>,
    query: Option<&str>,
    representation: Representation,
) -> Result<Found, Problem> {
    let wish = query::events(query)?;
    if !edge.catalog.is_loaded() {
        return Err(unavailable(CoreUnavailable));
    }
    let body = edge.lists.events(edge, wish, representation).await;
    Ok(Found::of(body, CHANGING))
}

fn read_keys(
    edge: &Edge,
    query: Option<&str>,
    representation: Representation,
) -> Result<Found, Problem> {
    query::none(query)?;
    let bodies = edge.keys.load_full();
    let bodies = bodies.ok_or_else(|| unavailable(CoreUnavailable))?;
    let body = Arc::clone(&bodies[representation.format as usize]);
    Ok(Found::of(body, CHANGING))
}

async fn read_tickets(
    edge: &Arc<Edge>,
    event: EventId,
    query: Option<&str>,
    representation: Representation,
) -> Result<Found, Problem> {
    let wish = query::tickets(query)?;
    let view = find(edge, event).await?.view();
    let body = edge.lists.tickets(edge, view, wish, representation).await;
    Ok(Found::of(body, CHANGING))
}

async fn read_similar(
    edge: &Arc<Edge>,
    event: EventId,
    query: Option<&str>,
    representation: Representation,
) -> Result<Found, Problem> {
    let most = query::similar(query)?;
    if edge.catalog.programme().get(event).is_none() {
        // Says whether there is none, or this edge can't know.
        find(edge, event).await?;
    }
    let body = edge.lists.similar(edge, event, most, representation).await;
    Ok(Found::of(body, CHANGING))
}

async fn find(edge: &Edge, event: EventId) -> Result<Arc<Cell>, Problem> {
    match edge.cells.load(event).await {
        Ok(Some(cell)) => Ok(cell),
        Ok(None) => Err(Slug::NotFound.problem("there is no such event")),
        Err(error) => Err(unavailable(error)),
    }
}

fn unavailable(_: CoreUnavailable) -> Problem {
    Slug::CoreUnavailable.problem("this edge doesn't hold it and no core answers")
}
