//! How outcomes become responses, in one place; and who may ask.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parterre_domain::upload::{BadUpload, is_json};
use parterre_domain::wire::feed::SECRET_HEADER;
use parterre_domain::{AuditNote, Object, Problem, Refusal, Rev, Slug, Timestamp, limits};
use parterre_gate::body::Bounds;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::config::AdminToken;
use crate::context::Context;
use crate::lane::Rejected;
use crate::store::Failure;

/// The header that says which rev a response shows.
pub(super) const REV: HeaderName = HeaderName::from_static("parterre-rev");

/// A response that says no.
#[derive(Debug)]
pub(crate) struct Failed(Box<Problem>);

/// What handlers give.
pub(crate) type Reply = Result<Response, Failed>;

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        let detail = rejected.to_string();
        Self(Box::new(match rejected {
            Rejected::Refused(refusal) => Problem::from(&refusal),
            Rejected::Busy => Slug::Busy.problem(detail),
            Rejected::Unavailable => Slug::CoreUnavailable.problem(detail),
            Rejected::OutcomeUnknown => {
                Slug::OutcomeUnknown.problem("repeat the request with the same Idempotency-Key")
            }
            Rejected::Broken(_) => {
                tracing::error!(detail, "a command couldn't be decided");
                Slug::Internal.problem("something broke; the operators have been told")
            }
        }))
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Problem::from(&refusal)))
    }
}

impl From<BadUpload> for Failed {
    fn from(bad: BadUpload) -> Self {
        match bad {
            BadUpload::Malformed(detail) => Slug::Malformed.problem(detail).into(),
            BadUpload::Invalid(errors) => Refusal::Invalid(errors).into(),
        }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        tracing::error!(%failure, "a read failed");
        Self(Box::new(
            Slug::CoreUnavailable.problem("the store doesn't answer"),
        ))
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.0.to_json()).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.0.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(opens_at) = self.0.opens_at {
            response.extensions_mut().insert(OpensAt(opens_at));
        }
        response
    }
}

/// When what was refused can be asked for again: on the way out it becomes `Retry-After`,
/// where there is a clock.
#[derive(Clone, Copy, Debug)]
struct OpensAt(Timestamp);

/// Says in how many seconds to come back, on an answer that knows a time for it.
pub(super) fn say_when(response: &mut Response, now: Timestamp) {
    if let Some(OpensAt(at)) = response.extensions().get().copied() {
        let seconds = at.since(now).as_millis().div_ceil(1_000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
}

/// A JSON body under a status, perhaps with the rev that it shows.
pub(super) fn json(status: StatusCode, body: &impl Serialize, rev: Option<Rev>) -> Reply {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "a response couldn't be written");
        Slug::Internal.problem("something broke; the operators have been told")
    })?;
    let mut response = (status, bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(rev) = rev {
        headers.insert(REV, rev_header(rev));
    }
    Ok(response)
}

/// A rev as the value of its header.
pub(super) fn rev_header(rev: Rev) -> HeaderValue {
    // Digits are a header's value, always.
    HeaderValue::try_from(rev.to_string()).unwrap_or(HeaderValue::from_static("none"))
}

/// Bytes as [`parterre_domain::encode`] makes them, for an edge.
pub(super) fn encoded(body: &impl Serialize) -> Response {
    let kind = HeaderValue::from_static("application/msgpack");
    (
        [(header::CONTENT_TYPE, kind)],
        parterre_domain::encode(body),
    )
        .into_response()
}

/// What the body of an upload may be.
pub(super) const UPLOAD: Bounds = Bounds {
    bytes: limits::UPLOAD_BYTES,
    patience: limits::UPLOAD_TIMEOUT,
    bytes_per_second: limits::UPLOAD_RATE,
};
/// What any other body may be.
pub(super) const BODY: Bounds = Bounds {
    bytes: limits::BODY_BYTES,
    patience: limits::BODY_TIMEOUT,
    bytes_per_second: limits::BODY_RATE,
};

/// The whole body of a request, within bounds.
pub(super) async fn body(request: Request, bounds: Bounds) -> Result<Bytes, Failed> {
    let (parts, body) = request.into_parts();
    Ok(parterre_gate::body::read(&parts.headers, body, bounds).await?)
}

/// A JSON body of a request. One that says nothing of its type is taken for JSON.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request) -> Result<(T, Bytes), Failed> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if let Some(kind) = kind.filter(|kind| !is_json(kind.as_bytes())) {
        let detail = format!(
            "the body must be JSON, and the header Content-Type application/json; it is {}",
            String::from_utf8_lossy(kind.as_bytes())
        );
        return Err(Slug::UnsupportedMediaType.problem(detail).into());
    }
    let bytes = body(request, BODY).await?;
    match serde_json::from_slice(&bytes) {
        Ok(Object(value)) => Ok((value, bytes)),
        Err(error) => Err(Slug::Malformed.problem(error.to_string()).into()),
    }
}

/// A part of the path. One that isn't UTF-8 names nothing.
pub(crate) struct Part(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(part)),
            Err(_) => Err(Refusal::NotFound("path").into()),
        }
    }
}

/// The query of a request; what can't be read is answered as a problem.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failed> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(Slug::Malformed.problem(error.body_text()).into()),
        }
    }
}

/// An id out of a path; one that can't be an id names nothing.
pub(super) fn id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Failed> {
    text.parse()
        .map_err(|_| parterre_domain::Refusal::NotFound(what).into())
}

/// The token in `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Failed> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => Ok(token.trim()),
        None => Err(Slug::Unauthorized
            .problem("send Authorization: Bearer and the token")
            .into()),
    }
}

/// Who asks, by the name of the token; in the extensions of every request that
/// [`administrators_only`] lets pass.
#[derive(Clone, Debug)]
pub(super) struct Administrator {
    token_name: String,
}

impl Administrator {
    /// What the audit trail is to say of one command.
    pub(super) fn note(self) -> AuditNote {
        AuditNote {
            token_name: self.token_name,
            id: crate::driver::fresh(),
        }
    }
}

/// Lets administrators pass.
pub(super) async fn administrators_only(
    State(context): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = bearer(request.headers())
        .map(|token| administrator(&context.config.admin_tokens, token.as_bytes()));
    match known {
        Ok(Some(administrator)) => {
            request.extensions_mut().insert(administrator);
            next.run(request).await
        }
        Ok(None) => {
            Failed::from(Slug::Forbidden.problem("no administrator has this token")).into_response()
        }
        Err(failed) => failed.into_response(),
    }
}

/// Whose token it is. How long that takes says neither whether nor where it is found.
fn administrator(tokens: &[AdminToken], token: &[u8]) -> Option<Administrator> {
    let hash: [u8; 32] = Sha256::digest(token).into();
    let mut found = u32::MAX;
    for (number, known) in (0_u32..).zip(tokens) {
        found.conditional_assign(&number, known.hash.ct_eq(&hash));
    }
    let found = tokens.get(usize::try_from(found).ok()?)?;
    Some(Administrator {
        token_name: found.name.clone(),
    })
}

/// Lets edges pass.
pub(super) async fn cluster_only(
    State(context): State<Context>,
    request: Request,
    next: Next,
) -> Response {
    let detail = "only edges with the cluster's secret call this; ask an edge";
    let Some(given) = request.headers().get(SECRET_HEADER) else {
        return Failed::from(Slug::Unauthorized.problem(detail)).into_response();
    };
    // Digests have one length, so that not even the secret's length shows.
    let given = Sha256::digest(given.as_bytes());
    let own = Sha256::digest(context.config.cluster_secret.as_bytes());
    if bool::from(given.as_slice().ct_eq(own.as_slice())) {
        next.run(request).await
    } else {
        Failed::from(Slug::Forbidden.problem(detail)).into_response()
    }
}

/// Random bytes as a header.
pub(super) fn hex_header(bytes: [u8; 16]) -> HeaderValue {
    let text = parterre_domain::hex(&bytes);
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lane_rejects_says_whether_and_when_to_ask_again() {
        let rows = [
            (Rejected::Busy, 503, "busy", Some("1")),
            (Rejected::Unavailable, 503, "core-unavailable", Some("1")),
            (
                Refusal::ProviderUnreachable.into(),
                503,
                "core-unavailable",
                Some("2"),
            ),
            (Rejected::OutcomeUnknown, 504, "outcome-unknown", None),
            (Rejected::Broken(String::new()), 500, "internal", None),
        ];
        for (rejected, status, slug, retry_after) in rows {
            let what = format!("{rejected:?}");
            let failed = Failed::from(rejected);
            assert_eq!(failed.0.slug(), slug, "{what}");
            let response = failed.into_response();
            assert_eq!(response.status().as_u16(), status, "{what}");
            let header = |name| response.headers().get(name);
            let seconds = header(header::RETRY_AFTER).map(HeaderValue::as_bytes);
            assert_eq!(seconds, retry_after.map(str::as_bytes), "{what}");
            let kind = header(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
            assert_eq!(kind, Some(&b"application/problem+json"[..]), "{what}");
        }
    }
}
