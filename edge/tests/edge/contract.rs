//! Whether what an edge answers is what its own OpenAPI document says. The client of the
//! tests asks this of every answer, so every test is one of the document as well.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// In an answer that the core of the tests gave, which says whatever a test wants.
pub(crate) const OF_THE_CORE: &str = "x-core-of-a-test";

const PROBLEM: &str = "application/problem+json";

/// # Panics
///
/// When the document doesn't know the answer.
pub(crate) fn check(
    document: &Value,
    method: &Method,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
) {
    if headers.contains_key(OF_THE_CORE) {
        return;
    }
    let what = format!("{method} {path}: {status}");
    assert!(headers.contains_key("request-id"), "{what} has no id");
    let media = headers.get(CONTENT_TYPE);
    let media = media.map(|media| media.to_str().unwrap());
    let Some(operations) = operations(document, path) else {
        // There is no such path: nothing can be said but why not.
        assert!(
            [404, 414, 431].contains(&status.as_u16()),
            "{what} isn't in the document"
        );
        assert_eq!(media, Some(PROBLEM), "{what}");
        return;
    };
    let asked = match *method {
        Method::HEAD => "get".to_owned(),
        ref method => method.as_str().to_lowercase(),
    };
    let Some(operation) = operations.get(&asked) else {
        assert_eq!((status.as_u16(), media), (405, Some(PROBLEM)), "{what}");
        return;
    };
    let answer = operation["responses"].get(status.as_str());
    let answer = answer.unwrap_or_else(|| panic!("{what} isn't in the document"));
    let told = answer["content"].as_object();
    let told: Vec<&str> = told
        .into_iter()
        .flatten()
        .map(|(name, _)| &**name)
        .collect();
    let is_right = media.map_or(told.is_empty(), |media| told.contains(&media));
    assert!(is_right, "{what} is {media:?}; the document says {told:?}");
    if told == [PROBLEM] {
        let named = answer["headers"].as_object().unwrap();
        for name in ["Retry-After", "Allow"]
            .into_iter()
            .filter(|name| named.contains_key(*name))
        {
            // Problems with one status share their headers, so one may lack another's.
            let shared = answer["description"].as_str().unwrap().matches('`').count() > 2;
            assert!(shared || headers.contains_key(name), "{what} lacks {name}");
        }
    }
}

/// The operations of a path, by their methods.
fn operations<'a>(document: &'a Value, path: &str) -> Option<&'a serde_json::Map<String, Value>> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = document["paths"].as_object().unwrap().iter();
    let mut found: Vec<_> = paths.filter(|(template, _)| fits(template, path)).collect();
    // A path without a part that varies is meant before one with it.
    found.sort_by_key(|(template, _)| template.matches('{').count());
    found.first()?.1.as_object()
}

fn fits(template: &str, path: &str) -> bool {
    let (mut one, mut other) = (template.split('/'), path.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given => {}
            (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[test]
#[should_panic(expected = "isn't in the document")]
fn a_status_that_the_document_lacks_is_found_out() {
    let document = serde_json::json!({"paths": {"/a/{b}": {"get": {"responses": {}}}}});
    let headers = [("request-id".parse().unwrap(), "1".parse().unwrap())];
    let headers: HeaderMap = headers.into_iter().collect();
    check(&document, &Method::HEAD, "/a/1?c", StatusCode::OK, &headers);
}
