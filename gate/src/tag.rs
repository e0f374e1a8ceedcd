//! Entity tags: what a client holds already needn't be sent again.

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};

/// Whether `If-None-Match` names a tag: a list of tags or `*`, compared weakly (RFC 9110,
/// 13.1.2).
pub fn matches_any(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let wanted = etag.as_bytes();
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        let mut tags = value.as_bytes().split(|&byte| byte == b',');
        tags.any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == wanted
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_compared_weakly() {
        let etag = HeaderValue::from_static("\"00ab-d\"");
        let check = |given: &[&'static str], expected: bool| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            assert_eq!(matches_any(&headers, &etag), expected, "{given:?}");
        };
        check(&[], false);
        check(&["\"00ab-d\""], true);
        check(&["W/\"00ab-d\""], true);
        check(&["*"], true);
        check(&["\"x\", \"00ab-d\""], true);
        check(&["\"x\"", "\"y\",W/\"00ab-d\" "], true);
        check(&["00ab-d"], false);
        check(&["\"00ab-a\""], false);
        check(&["\"00AB-d\""], false);
        check(&["w/\"00ab-d\""], false);
        check(&[""], false);
    }
}
