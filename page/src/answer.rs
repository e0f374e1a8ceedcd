//! The answers that carry the pages.

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use parterre_domain::wire::feed::checksum;
use parterre_gate::encoding::Encoding;
use parterre_gate::tag;

use crate::encoded::Encoded;
use crate::files::{self, File};

/// Nothing runs, loads or is asked for but what this very server gives.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// The shop changes with a release, and stays when no edge answers.
const FOR_A_MOMENT: HeaderValue =
    HeaderValue::from_static("public, max-age=1, stale-while-revalidate=5, stale-if-error=60");
/// The administrators' page, which nothing between them and a core is to keep.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// A part under its own version never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static(
    "public, max-age=31536000, immutable, stale-while-revalidate=86400, stale-if-error=86400",
);
/// A part under another release's version is the best there is, for now.
const FOR_NOW: HeaderValue = HeaderValue::from_static("no-store");

/// The buyers' page.
pub fn shop(headers: &HeaderMap) -> Response<Full<Bytes>> {
    static SHOP: LazyLock<Document> = LazyLock::new(|| Document::new(files::SHOP, FOR_A_MOMENT));
    SHOP.answer(headers)
}

/// The administrators' page.
pub fn admin(headers: &HeaderMap) -> Response<Full<Bytes>> {
    static ADMIN: LazyLock<Document> = LazyLock::new(|| Document::new(files::ADMIN, PRIVATE));
    ADMIN.answer(headers)
}

/// The part of a page that a path names; none when there is no such part.
pub fn part(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    static ENCODED: OnceLock<Vec<Encoded>> = OnceLock::new();
    let (version, name) = path.strip_prefix("/web/")?.split_once('/')?;
    let at = files::PARTS.iter().position(|file| file.path == name)?;
    let file: &File = &files::PARTS[at];
    let all = ENCODED.get_or_init(|| files::PARTS.iter().map(|_| Encoded::default()).collect());
    let cache = match version == files::version() {
        true => FOR_EVER,
        false => FOR_NOW,
    };
    let kind = HeaderValue::from_static(file.content_type());
    Some(answer(headers, file.text, &all[at], kind, cache))
}

/// A page that is complete.
struct Document {
    text: String,
    encoded: Encoded,
    cache: HeaderValue,
}

impl Document {
    fn new(template: &str, cache: HeaderValue) -> Self {
        Self {
            cache,
            text: template.replace("{version}", files::version()),
            encoded: Encoded::default(),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        answer(headers, &self.text, &self.encoded, kind, self.cache.clone())
    }
}

fn answer(
    asked: &HeaderMap,
    text: &str,
    encoded: &Encoded,
    kind: HeaderValue,
    cache: HeaderValue,
) -> Response<Full<Bytes>> {
    let (encoding, bytes) = encoded.get(text, Encoding::asked(asked));
    let tag = tag_of(bytes);
    let mut response = Response::new(Full::default());
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
    say(CACHE_CONTROL, cache);
    say(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    say(CONTENT_SECURITY_POLICY, POLICY);
    say(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    say(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let is_known = tag::matches_any(asked, &tag);
    say(ETAG, tag);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    say(CONTENT_TYPE, kind);
    if let Some(name) = encoding.content_encoding() {
        say(CONTENT_ENCODING, name);
    }
    *response.body_mut() = Full::from(bytes.clone());
    response
}

/// A strong tag: other bytes, another tag.
fn tag_of(bytes: &[u8]) -> HeaderValue {
    let tag = format!("\"{:016x}\"", checksum(bytes));
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    use super::*;

    fn asking(encoding: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        headers
    }

    /// Bytes that a page may weigh, brotli, with everything it can ever load.
    const BUDGET: usize = 60_000;

    #[test]
    fn each_page_with_everything_is_light() {
        let size = |text: &str| Encoded::default().get(text, Encoding::Brotli).1.len();
        for (folder, document) in [("shop/", files::SHOP), ("admin/", files::ADMIN)] {
            let parts = files::PARTS.iter();
            let own = parts
                .filter(|file| file.path.starts_with(folder) || file.path.starts_with("shared/"));
            let sum = size(document) + own.map(|file| size(file.text)).sum::<usize>();
            println!("{folder} weighs {sum} bytes");
            assert!(sum < BUDGET, "{folder} weighs {sum} bytes");
        }
    }

    #[test]
    fn a_part_is_kept_for_ever_under_its_own_version_alone() {
        let path = |version: &str| format!("/web/{version}/shared/page.css");
        let own = part(&path(files::version()), &HeaderMap::new()).unwrap();
        assert_eq!(own.headers()[CACHE_CONTROL], FOR_EVER);
        assert_eq!(own.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        let other = part(&path("another"), &HeaderMap::new()).unwrap();
        assert_eq!(other.headers()[CACHE_CONTROL], FOR_NOW);
        assert!(part("/web/1/shared/nothing.css", &HeaderMap::new()).is_none());
        assert!(part("/web/1", &HeaderMap::new()).is_none());
    }

    #[test]
    fn what_is_known_is_not_sent_again_and_each_encoding_has_its_tag() {
        let tags = ["", "gzip", "zstd", "br"].map(|encoding| {
            let first = shop(&asking(encoding));
            assert_eq!(first.status(), StatusCode::OK);
            let tag = first.headers()[ETAG].clone();
            let mut asked = asking(encoding);
            asked.insert(IF_NONE_MATCH, tag.clone());
            let again = shop(&asked);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(again.headers()[ETAG], tag);
            tag
        });
        let others: std::collections::BTreeSet<_> =
            tags.iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(others.len(), tags.len());
    }
}
