//! Which representation a request asks for (RFC 9110, section 12.5), read without
//! allocating: it is on the way of the hottest reads.
//!
//! Nothing is refused for its representation: who takes none of ours gets plain JSON, as
//! section 12.4.1 allows.

use http::HeaderMap;
use http::header::ACCEPT;
use parterre_gate::weights::elements;

use crate::render::{Encoding, Format, Representation};

/// The representation that a request's headers ask for.
pub(crate) fn of(headers: &HeaderMap) -> Representation {
    Representation {
        format: format(headers),
        encoding: Encoding::asked(headers),
    }
}

const MSGPACK: &[u8] = b"application/msgpack";

/// MessagePack only for who names it; of two that are wanted alike, the one that was
/// named on purpose.
fn format(headers: &HeaderMap) -> Format {
    let names_msgpack = headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| contains(value.as_bytes(), MSGPACK));
    if !names_msgpack {
        return Format::Json;
    }
    // The most specific range that covers JSON decides (section 12.5.1).
    let (mut msgpack, mut json) = (0, (0, 0));
    for (range, weight) in elements(headers, ACCEPT) {
        let specificity = if range.eq_ignore_ascii_case(MSGPACK) {
            msgpack = msgpack.max(weight);
            continue;
        } else if range.eq_ignore_ascii_case(b"application/json") {
            3
        } else if range.eq_ignore_ascii_case(b"application/*") {
            2
        } else if range == b"*/*" {
            1
        } else {
            continue;
        };
        json = json.max((specificity, weight));
    }
    if msgpack > 0 && msgpack >= json.1 {
        Format::Msgpack
    } else {
        Format::Json
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len())
        .any(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn messagepack_is_for_who_names_it_and_wants_it_no_less() {
        use Format::{Json, Msgpack};
        let check = |values: &[&'static str], expected: Format| {
            assert_eq!(format(&headers(ACCEPT, values)), expected, "{values:?}");
        };
        check(&[], Json);
        check(&["*/*"], Json);
        check(&["application/*"], Json);
        check(&["text/html,application/xhtml+xml,*/*;q=0.8"], Json);
        check(&["image/png"], Json);
        check(&["application/msgpack"], Msgpack);
        check(&["Application/MsgPack"], Msgpack);
        check(&["application/msgpack", "application/json"], Msgpack);
        check(&["application/json, application/msgpack"], Msgpack);
        check(&["application/msgpack, */*;q=0.1"], Msgpack);
        check(&["application/msgpack;q=0.5, */*"], Json);
        check(
            &["application/msgpack;q=0.5, application/json;q=0.4, */*"],
            Msgpack,
        );
        check(
            &["application/msgpack;q=0.5, application/*;q=0.4, */*"],
            Msgpack,
        );
        check(
            &["application/msgpack; q=0.9 , application/json;q=0.901"],
            Json,
        );
        check(&["application/msgpack;q=0"], Json);
        check(&["application/msgpack;q=zero"], Json);
        check(&["application/msgpack+zip"], Json);
    }
}
