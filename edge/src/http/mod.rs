//! The public API over HTTP, but for `GET /v1/live`, which the shard hands to the live
//! part.
//!
//! A read is: match the path, find the cell, compare the tag, write ready bytes. Writes
//! are checked against the cell, then forwarded.

mod answer;
mod lists;
mod negotiate;
pub(crate) mod query;
pub(crate) mod route;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use parterre_gate::head;

use parterre_domain::{EventId, Problem, Slug};

use crate::cell::Cell;
use crate::context::Edge;
use crate::cores::CoreUnavailable;
use crate::metrics::RouteLabel;
use crate::openapi;
use crate::render::{BodyKey, Kind, Representation};
pub(crate) use answer::REQUEST_ID;
use answer::{CHANGING, Found, IMMUTABLE};
pub(crate) use lists::Lists;
use route::Route;
pub(crate) use stream::Opens;

/// The body of an answer.
pub type Body = Full<Bytes>;

const HOME: &str = "<!doctype html><title>Parterre</title><p>This is Parterre, where tickets \
for events are sold. The programme is at <a href=\"/v1/events\">/v1/events</a>.</p>\n";

/// Answers a request.
pub async fn respond(
    edge: &Arc<Edge>,
    request: Request<Incoming>,
    _peer: SocketAddr,
) -> Response<Body> {
    let began = Instant::now();
    let id = request_id();
    let (parts, body) = request.into_parts();
    let (label, mut response) = dispatch(edge, parts, body, &id, began).await;
    response.headers_mut().insert(REQUEST_ID, id);
    let status = response.status();
    edge.metrics.answered(label, status, began.elapsed());
    response
}

/// An answer to a request that isn't looked at.
pub(crate) fn refuse(edge: &Edge, problem: &Problem) -> Response<Body> {
    let mut response = answer::problem(problem);
    response.headers_mut().insert(REQUEST_ID, request_id());
    let (label, status) = (RouteLabel::Unknown, response.status());
    edge.metrics.answered(label, status, Duration::ZERO);
    response
}

/// An answer that no request's path decided: without a body, or with a problem for a
/// status that is an error.
pub fn bare(status: StatusCode, detail: &str) -> Response<Body> {
    let slug = match status.as_u16() {
        code if code < 400 => {
            let mut response = Response::new(Body::default());
            *response.status_mut() = status;
            response.headers_mut().insert(REQUEST_ID, request_id());
            return response;
        }
        405 => Slug::MethodNotAllowed,
        503 => Slug::Busy,
        500.. => Slug::Internal,
        _ => Slug::Malformed,
    };
    let problem = Problem {
        status: status.as_u16(),
        ..slug.problem(detail)
    };
    let mut response = answer::problem(&problem);
    response.headers_mut().insert(REQUEST_ID, request_id());
    response
}

/// Sixteen hexadecimal digits at random: enough to find one request in a day's logs.
fn request_id() -> HeaderValue {
    let digits = b"0123456789abcdef";
    let mut random = fastrand::u64(..);
    let text: [u8; 16] = std::array::from_fn(|_| {
        let digit = digits[usize::from(random.to_le_bytes()[0] & 15)];
        random >>= 4;
        digit
    });
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}

async fn dispatch(
    edge: &Arc<Edge>,
    parts: Parts,
    body: Incoming,
    id: &HeaderValue,
    began: Instant,
) -> (RouteLabel, Response<Body>) {
    if let Err(problem) = head::check(&parts.uri, &parts.headers) {
        return (RouteLabel::Unknown, answer::problem(&problem));
    }
    let Some(route) = Route::of(parts.uri.path()) else {
        let problem = Slug::NotFound.problem("there is no such path");
        return (RouteLabel::Unknown, answer::problem(&problem));
    };
    if !route.takes(&parts.method) {
        return (route.label(), answer::method_not_allowed(route.allow()));
    }
    let response = match route {
        Route::Home => answer::page(HOME),
        Route::Document => answer::document(openapi::DOCUMENT.clone()),
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
        Route::Reserve(event) => {
            let forwarded = edge.forwarder.reserve(edge, event, parts, body, id).await;
            forwarded.unwrap_or_else(|problem| answer::problem(&problem))
        }
        Route::Reservation(_)
        | Route::Checkout(_)
        | Route::Webhook
        | Route::SandboxPage
        | Route::SandboxButton => {
            let forwarded = edge.forwarder.forward(parts, body, id).await;
            forwarded.unwrap_or_else(|problem| answer::problem(&problem))
        }
    };
    (route.label(), response)
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
    let body = cell.body(key, &edge.renderer).await;
    Ok(Found { body, cache })
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
    Ok(Found {
        body: edge.lists.events(edge, wish, representation).await,
        cache: CHANGING,
    })
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
    let cache = CHANGING;
    Ok(Found { body, cache })
}

async fn read_tickets(
    edge: &Arc<Edge>,
    event: EventId,
    query: Option<&str>,
    representation: Representation,
) -> Result<Found, Problem> {
    let wish = query::tickets(query)?;
    let view = find(edge, event).await?.view();
    Ok(Found {
        body: edge.lists.tickets(edge, view, wish, representation).await,
        cache: CHANGING,
    })
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
    Ok(Found {
        body: edge.lists.similar(edge, event, most, representation).await,
        cache: CHANGING,
    })
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
