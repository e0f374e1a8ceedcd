//! Which pages of other origins may read what the edge answers (CORS, as the Fetch
//! standard has it), as a pure function of headers.
//!
//! Nothing here is bound to cookies: a buyer's token travels in a header that a page must
//! set itself. So credentials are never allowed, and `*` gives away nothing. For the same
//! reason a WebSocket is taken from every origin: it tells what anybody may read.

use std::str::FromStr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Uri};

/// An origin whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Every origin.
    Any,
    /// One, as browsers write it.
    One(HeaderValue),
}

/// The origins whose pages may call; none by default.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    any: bool,
}

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Idempotency-Key, If-None-Match, Last-Event-ID",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Parterre-Rev, Parterre-Stale, Request-Id, Location, Retry-After",
);
/// What a browser may keep a permission for, in seconds; none keeps it longer than a day.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("86400");

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let uri: Option<Uri> = text.parse().ok();
        let is_origin = uri.is_some_and(|uri| {
            let named = uri.scheme_str().zip(uri.authority());
            named.is_some_and(|(scheme, host)| {
                text == format!("{scheme}://{host}").to_ascii_lowercase()
            })
        });
        match HeaderValue::try_from(text) {
            Ok(value) if is_origin => Ok(Self::One(value)),
            _ => Err(format!(
                "{text:?} is no origin; write it like https://tickets.example, or *"
            )),
        }
    }
}

impl FromIterator<Allowed> for Cors {
    fn from_iter<I: IntoIterator<Item = Allowed>>(allowed: I) -> Self {
        let mut cors = Self::default();
        for allowed in allowed {
            match allowed {
                Allowed::Any => cors.any = true,
                Allowed::One(origin) => cors.origins.push(origin),
            }
        }
        cors
    }
}

impl Cors {
    /// Whether a request only asks what a page may do. Without CORS there is no such
    /// request: it is a method that no path takes.
    pub(crate) fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        (self.any || !self.origins.is_empty())
            && method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// What to write as the allowed origin of an answer to a request; none if its page
    /// may not read the answer.
    pub(crate) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.any {
            return Some(ANY);
        }
        if self.origins.is_empty() {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        self.origins.contains(origin).then(|| origin.clone())
    }

    /// Marks an answer with what [`Self::allowed`] said of its request.
    pub(crate) fn mark(&self, allowed: Option<HeaderValue>, headers: &mut HeaderMap) {
        if !self.any && !self.origins.is_empty() {
            // To a cache, an answer is another one for another origin, or for none.
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Marks the answer to a preflight.
    pub(crate) fn mark_preflight(&self, allowed: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if allowed.is_some() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(allowed: &[&str]) -> Cors {
        allowed.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn asking(origin: Option<&'static str>) -> HeaderMap {
        let origin = origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin)));
        origin.into_iter().collect()
    }

    #[test]
    fn an_answer_may_be_read_by_the_pages_of_allowed_origins() {
        let check = |cors: &Cors, origin, allowed: Option<&str>, varies: bool| {
            let mut headers = HeaderMap::new();
            cors.mark(cors.allowed(&asking(origin)), &mut headers);
            let found = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            let found = found.map(|origin| origin.to_str().unwrap());
            assert_eq!(found, allowed, "{cors:?} {origin:?}");
            assert_eq!(headers.contains_key(VARY), varies, "{cors:?} {origin:?}");
            assert_eq!(
                headers.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS),
                allowed.is_some()
            );
        };
        let (none, any) = (cors(&[]), cors(&["*", "https://a.example"]));
        let two = cors(&["https://a.example", "http://localhost:3000"]);
        check(&none, Some("https://a.example"), None, false);
        check(&any, Some("https://b.example"), Some("*"), false);
        check(&any, None, Some("*"), false);
        check(
            &two,
            Some("https://a.example"),
            Some("https://a.example"),
            true,
        );
        check(
            &two,
            Some("http://localhost:3000"),
            Some("http://localhost:3000"),
            true,
        );
        check(&two, Some("http://a.example"), None, true);
        check(&two, Some("https://a.example.evil"), None, true);
        check(&two, Some("null"), None, true);
        check(&two, None, None, true);
    }

    #[test]
    fn only_an_origin_is_taken_for_one() {
        for right in [
            "https://a.example",
            "http://[::1]:8080",
            "http://localhost:3000",
        ] {
            assert!(right.parse::<Allowed>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "a.example",
            "https://a.example/",
            "https://A.example",
            "https://a.example/x",
            "https://*.example/",
            "null",
            "https://",
        ] {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_preflight_names_the_method_that_a_page_wants() {
        let mut headers = asking(Some("https://a.example"));
        let some = cors(&["https://a.example"]);
        assert!(!some.is_preflight(&Method::OPTIONS, &headers));
        headers.insert(
            ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("POST"),
        );
        assert!(some.is_preflight(&Method::OPTIONS, &headers));
        assert!(!some.is_preflight(&Method::GET, &headers));
        assert!(!cors(&[]).is_preflight(&Method::OPTIONS, &headers));
    }
}
