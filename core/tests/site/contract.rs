//! The document that a core shows of itself, held against the answers that tests see.

use serde_json::Value;

use super::Reply;

/// Headers that the document must tell of when an answer has them.
const TOLD: [&str; 7] = [
    "allow",
    "cache-control",
    "etag",
    "location",
    "parterre-rev",
    "retry-after",
    "www-authenticate",
];

/// A core's OpenAPI document; the empty one tells of nothing and forbids nothing.
#[derive(Debug, Default)]
pub(crate) struct Contract(Value);

impl Contract {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    /// Fails on an answer without an id, and on one that the document doesn't tell of: its
    /// status, its type, its headers. Calls that aren't in this document are an edge's.
    #[track_caller]
    pub(crate) fn check(&self, method: &str, path: &str, reply: &Reply) {
        let call = format!("{method} {path} answers {}", reply.status);
        assert!(
            reply.headers.contains_key("request-id"),
            "{call} without id"
        );
        let Some(operations) = self.operations(path) else {
            return;
        };
        let Some(operation) = operations.get(method.to_lowercase()) else {
            assert_eq!(reply.status, 405, "{call}: {}", reply.text());
            return;
        };
        let answer = &operation["responses"][reply.status.to_string()];
        assert!(answer.is_object(), "{call}, untold: {}", reply.text());
        if reply.body.is_empty() {
            assert!(answer["content"].is_null(), "{call}, without its body");
        } else {
            let kind = reply.header("content-type");
            assert!(answer["content"][kind].is_object(), "{call} as {kind}");
        }
        let told = answer["headers"].as_object().unwrap();
        for name in TOLD {
            let is_told = told.keys().any(|key| key.eq_ignore_ascii_case(name));
            assert!(
                is_told || !reply.headers.contains_key(name),
                "{call} with {name}"
            );
        }
    }

    /// What the document tells of a path: its operations by method.
    fn operations(&self, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.0.get("paths")?.as_object()?;
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(part), Some(_)) if part.starts_with('{') => {}
                    (Some(part), Some(given)) if part == given => {}
                    _ => return false,
                }
            }
        };
        let mut fitting = paths.iter().filter(|(template, _)| fits(template));
        fitting.next().map(|(_, operations)| operations)
    }
}
