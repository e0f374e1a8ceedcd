//! Answers: bodies with their tags and cache headers, and problems.

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use parterre_domain::{Problem, Rev, Slug};
use parterre_gate::tag;

use super::Body;
use crate::render;

/// The rev that a body is true for.
const REV: HeaderName = HeaderName::from_static("parterre-rev");
/// For how many seconds the edge hasn't been confirmed up to date.
const STALE: HeaderName = HeaderName::from_static("parterre-stale");
/// Names a request in every log that it passes.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What may change: a second, then while it is asked for anew, and for a while when no
/// edge answers. No `s-maxage`: at a cache that follows RFC 9111 it would forbid the rest.
pub(crate) const CHANGING: HeaderValue =
    HeaderValue::from_static("public, max-age=1, stale-while-revalidate=5, stale-if-error=60");
/// What never changes.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static(
    "public, max-age=31536000, immutable, stale-while-revalidate=86400, stale-if-error=86400",
);

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const VARIES: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

/// A body that was found, and how long it may be kept.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) body: Arc<render::Body>,
    pub(crate) cache: HeaderValue,
    pub(crate) content_type: HeaderValue,
    /// The rev that is told with it; none for what no commit changes.
    pub(crate) rev: Option<HeaderValue>,
}

impl Found {
    /// A body that is true for its own rev.
    pub(crate) fn of(body: Arc<render::Body>, cache: HeaderValue) -> Self {
        Self {
            content_type: body.format.content_type(),
            rev: Some(body.rev_text.clone()),
            body,
            cache,
        }
    }

    /// The same, told with a later rev: a layout is true for every one.
    pub(crate) fn at(self, rev: Rev) -> Self {
        let rev = HeaderValue::try_from(rev.to_string());
        Self {
            rev: rev.ok(),
            ..self
        }
    }

    /// The answer to a request with these headers, whose map is used again: the hottest
    /// answers allocate none.
    pub(crate) fn into_response(
        self,
        mut headers: HeaderMap,
        stale_seconds: Option<u64>,
    ) -> Response<Body> {
        let Self {
            body,
            cache,
            content_type,
            rev,
        } = self;
        let is_known = tag::matches_any(&headers, &body.etag);
        headers.clear();
        headers.insert(ETAG, body.etag.clone());
        headers.insert(CACHE_CONTROL, cache);
        headers.insert(VARY, VARIES);
        if let Some(rev) = rev {
            headers.insert(REV, rev);
        }
        if let Some(seconds) = stale_seconds {
            headers.insert(STALE, seconds.into());
        }
        let mut response = if is_known {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            headers.insert(CONTENT_TYPE, content_type);
            if let Some(encoding) = body.encoding.content_encoding() {
                headers.insert(CONTENT_ENCODING, encoding);
            }
            Response::new(body.bytes.clone().into())
        };
        *response.headers_mut() = headers;
        response
    }
}

/// A problem as an answer.
pub(crate) fn problem(problem: &Problem) -> Response<Body> {
    let mut response = Response::new(Body::from(problem.to_json()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM);
    headers.insert(CACHE_CONTROL, NO_STORE);
    if let Some(seconds) = problem.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// That a path doesn't take a method.
pub(crate) fn method_not_allowed(allow: &'static str) -> Response<Body> {
    let detail = format!("this path takes {allow}");
    let mut response = problem(&Slug::MethodNotAllowed.problem(detail));
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    response
}
