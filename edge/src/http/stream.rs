//! `GET /v1/events/{id}/live`: the head of an answer whose body the shard's live part
//! gives. What can be refused is refused here, while there is still a status to say it.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};

use parterre_domain::{EventId, Problem, Rev, Slug};

use super::{Body, answer, find, query};
use crate::context::Edge;

/// In the extensions of an answer: its body is to be what changes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opens {
    /// Which event.
    pub(crate) event: EventId,
    /// What the client has.
    pub(crate) since: Option<Rev>,
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Keeps nginx and those who follow it from collecting a stream before they pass it on.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The head of the answer.
///
/// # Errors
///
/// With a problem to answer.
pub(super) async fn open(
    edge: &Arc<Edge>,
    event: EventId,
    parts: &Parts,
) -> Result<Response<Body>, Problem> {
    query::none(parts.uri.query())?;
    let since = last_event_id(parts)?;
    find(edge, event).await?;
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, EVENT_STREAM);
    headers.insert(CACHE_CONTROL, answer::NO_STORE);
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response.extensions_mut().insert(Opens { event, since });
    Ok(response)
}

fn last_event_id(parts: &Parts) -> Result<Option<Rev>, Problem> {
    let Some(id) = parts.headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let rev = id.to_str().ok().and_then(|id| id.parse().ok());
    rev.map(Some)
        .ok_or_else(|| Slug::Malformed.problem("Last-Event-ID must be the id of an event, a rev"))
}
