//! A request's head: what it may weigh.

use http::{HeaderMap, Uri};

use parterre_domain::{Problem, Slug, limits};

/// Whether a head is within its bounds.
///
/// # Errors
///
/// With what to answer: 414 or 431, naming the limit.
pub fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let length = uri.path().len() + uri.query().map_or(0, str::len);
    if length > limits::URI_BYTES {
        let detail = format!("path and query may have {} bytes", limits::URI_BYTES);
        return Err(Slug::UriTooLong.problem(detail));
    }
    let lengths = headers.iter();
    let bytes: usize = lengths
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > limits::HEADERS_BYTES || headers.len() > limits::HEADERS {
        return Err(Slug::HeadersTooLarge.problem(headers_detail()));
    }
    Ok(())
}

pub(crate) fn headers_detail() -> String {
    format!(
        "a request may have {} headers, which may have {} bytes",
        limits::HEADERS,
        limits::HEADERS_BYTES
    )
}
