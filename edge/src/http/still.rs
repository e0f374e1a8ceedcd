//! What stays the same for as long as the process runs: the OpenAPI document and the page.
//! Made on first use, and compressed at most once for each encoding.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use parterre_domain::Rev;

use super::answer::{CHANGING, Found, HTML};
use crate::metrics::Metrics;
use crate::openapi;
use crate::render::{Body, Encoding, Format, Renderer};

/// One such body, in every encoding.
#[derive(Debug)]
pub(crate) struct Still {
    content_type: HeaderValue,
    make: fn() -> Vec<u8>,
    bodies: [OnceLock<Arc<Body>>; Encoding::ALL.len()],
}

const HOME: &str = "<!doctype html><title>Parterre</title><p>This is Parterre, where tickets \
for events are sold. The programme is at <a href=\"/v1/events\">/v1/events</a>.</p>\n";

impl Still {
    /// The OpenAPI document.
    pub(crate) fn document() -> Self {
        Self::new(Format::Json.content_type(), || {
            openapi::document().render().to_string().into_bytes()
        })
    }

    /// The page for people.
    pub(crate) fn home() -> Self {
        Self::new(HTML, || HOME.as_bytes().to_vec())
    }

    fn new(content_type: HeaderValue, make: fn() -> Vec<u8>) -> Self {
        Self {
            content_type,
            make,
            bodies: Default::default(),
        }
    }

    pub(super) fn found(&self, encoding: Encoding, metrics: &Metrics) -> Found {
        let plain = self.bodies[Encoding::Identity as usize].get_or_init(|| {
            let bytes = (self.make)();
            let tag = Body::tag_of(&bytes);
            Arc::new(Body::new(bytes, Format::Json, &tag, Rev::default()))
        });
        let body = self.bodies[encoding as usize]
            .get_or_init(|| Renderer::compressed(metrics, plain, encoding));
        Found {
            body: Arc::clone(body),
            cache: CHANGING,
            content_type: self.content_type.clone(),
            rev: None,
        }
    }
}
