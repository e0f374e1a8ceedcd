//! The public API over HTTP, but for `GET /v1/live`, which the shard hands to the live
//! part.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::context::Edge;

/// The body of an answer.
pub type Body = Full<Bytes>;

/// Lists rendered a moment ago.
#[derive(Debug)]
pub(crate) struct Lists;

impl Lists {
    pub(crate) fn new(_max_bytes: u64) -> Self {
        Self
    }
}

/// Answers a request.
pub async fn respond(
    _edge: &Arc<Edge>,
    _request: Request<Incoming>,
    _peer: SocketAddr,
) -> Response<Body> {
    Response::new(Body::default())
}
