//! The OpenAPI document, which stays the same for as long as the process runs. Made on
//! first use, and compressed at most once for each encoding.

use std::sync::{Arc, OnceLock};

use parterre_domain::Rev;

use super::answer::{CHANGING, Found};
use crate::metrics::Metrics;
use crate::openapi;
use crate::render::{Body, Encoding, Format, Renderer};

/// The document in every encoding.
#[derive(Debug, Default)]
pub(crate) struct Still {
    bodies: [OnceLock<Arc<Body>>; Encoding::ALL.len()],
}

impl Still {
    pub(super) fn found(&self, encoding: Encoding, metrics: &Metrics) -> Found {
        let plain = self.bodies[Encoding::Identity as usize].get_or_init(|| {
            let bytes = openapi::document().render().to_string().into_bytes();
            let tag = Body::tag_of(&bytes);
            Arc::new(Body::new(bytes, Format::Json, &tag, Rev::default()))
        });
        let body = self.bodies[encoding as usize]
            .get_or_init(|| Renderer::compressed(metrics, plain, encoding));
        Found {
            body: Arc::clone(body),
            cache: CHANGING,
            content_type: Format::Json.content_type(),
            rev: None,
        }
    }
}
