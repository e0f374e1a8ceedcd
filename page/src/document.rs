//! The pages in the OpenAPI documents of those that serve them.

use parterre_domain::openapi::Operation;
use serde_json::json;

const HEADERS: &[&str] = &["ETag", "Cache-Control", "Content-Encoding", "Vary"];

/// A page at `path`.
pub fn page(path: &'static str) -> Operation {
    Operation::get(path, "getPage", "Shows the page.")
        .answers_as(
            200,
            "A page for people.",
            HEADERS,
            "text/html; charset=utf-8",
        )
        .revalidated(HEADERS)
}

/// What pages are made of.
pub fn part() -> Operation {
    let text = json!({"type": "string", "minLength": 1});
    Operation::get(
        "/web/{version}/{folder}/{file}",
        "getPart",
        "Gives a part of the page.",
    )
    .part(
        "version",
        text.clone(),
        "The page's version, as the page names it.",
    )
    .part("folder", text.clone(), "Where the part is.")
    .part("file", text, "What it is called.")
    .answers_as(200, "The part.", HEADERS, "text/javascript; charset=utf-8")
    .also_as("text/css; charset=utf-8")
    .also_as("image/svg+xml")
    .revalidated(HEADERS)
}
