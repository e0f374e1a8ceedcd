//! One person's reads: a connection, and the tags of what it has seen.

use std::collections::BTreeMap;
use std::time::Instant;

use http::header::IF_NONE_MATCH;

use crate::wire::{Broken, Call, Client, Origin};

/// Tags that one person remembers; beyond it, it forgets everything.
const TAGS: usize = 256;

/// A person's reads at one edge.
pub(super) struct Reader {
    client: Client,
    /// The last tag of each path.
    tags: BTreeMap<String, String>,
}

/// What a read gave.
pub(super) struct Read {
    pub(super) status: u16,
    /// How old the edge says that it is.
    pub(super) stale_seconds: Option<u64>,
    /// What is wrong with the answer.
    pub(super) odd: Option<String>,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

impl Reader {
    pub(super) fn new(edge: Origin) -> Self {
        Self {
            client: Client::new(edge),
            tags: BTreeMap::new(),
        }
    }

    /// Somebody else has the connection now, who has seen nothing.
    pub(super) fn forget(&mut self) {
        self.tags.clear();
    }

    /// Reads a path, with the tag of the last time if it was read before.
    pub(super) async fn read(&mut self, path: &str) -> Result<Read, Broken> {
        let mut call = Call::get(path);
        let tag = self.tags.get(path);
        if let Some(tag) = tag {
            call = call.with(IF_NONE_MATCH, tag);
        }
        let answer = self.client.send(&call).await?;
        let etag = answer.header("etag").unwrap_or_default();
        let status = answer.status.as_u16();
        let odd = match (status, tag) {
            (304, Some(tag)) if tag == etag => None,
            (304, _) => Some(format!("304 with {etag} to {tag:?}")),
            (200, Some(tag)) if tag == etag => Some(format!("200 though it is still {tag}")),
            (200, _) if etag.is_empty() => Some("no ETag".to_owned()),
            (200 | 429 | 503, _) => None,
            (status, _) => Some(status.to_string()),
        };
        let stale = answer.header("parterre-stale");
        let read = Read {
            status,
            stale_seconds: stale.and_then(|seconds| seconds.parse().ok()),
            odd,
            sent: answer.sent,
            answered: answer.answered,
        };
        if status == 200 {
            if self.tags.len() >= TAGS {
                self.tags.clear();
            }
            self.tags.insert(path.to_owned(), etag.to_owned());
        }
        Ok(read)
    }
}
