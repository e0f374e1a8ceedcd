//! Which representation a request asks for (RFC 9110, section 12.5), read without
//! allocating: it is on the way of the hottest reads.
//!
//! Nothing is refused for its representation: who takes none of ours gets plain JSON, as
//! section 12.4.1 allows.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};

use crate::render::{Encoding, Format, Representation};

/// The representation that a request's headers ask for.
pub(crate) fn of(headers: &HeaderMap) -> Representation {
    Representation {
        format: format(headers),
        encoding: encoding(headers),
    }
}

/// A weight in thousandths; 0 is a refusal.
type Weight = u16;

const MOST: Weight = 1_000;
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

fn encoding(headers: &HeaderMap) -> Encoding {
    let mut values = headers.get_all(ACCEPT_ENCODING).iter();
    match (values.next().map(|value| value.as_bytes()), values.next()) {
        (None, _) | (Some(b"" | b"identity"), None) => Encoding::Identity,
        // What browsers and the usual libraries send.
        (Some(b"gzip, deflate, br, zstd" | b"gzip, deflate, br" | b"br"), None) => Encoding::Brotli,
        (Some(b"gzip, deflate" | b"gzip"), None) => Encoding::Gzip,
        _ => weighed_encoding(headers),
    }
}

/// The encoding of the highest weight; of those that are wanted alike, the one whose
/// bodies are the shortest.
fn weighed_encoding(headers: &HeaderMap) -> Encoding {
    let mut weights: [Option<Weight>; Encoding::ALL.len()] = [None; _];
    let mut others = None;
    for (name, weight) in elements(headers, ACCEPT_ENCODING) {
        match Encoding::named(name) {
            Some(encoding) => weights[encoding as usize] = Some(weight),
            None if name == b"*" => others = Some(weight),
            None => {}
        }
    }
    let mut best = (0, Encoding::Identity);
    for encoding in BY_LENGTH {
        let weight = weights[encoding as usize].or(others).unwrap_or(0);
        if weight > best.0 {
            best = (weight, encoding);
        }
    }
    // Plain bodies are welcome unless they are refused; they win only if they are
    // wanted more.
    match weights[Encoding::Identity as usize] {
        Some(plain) if plain > best.0 => Encoding::Identity,
        _ => best.1,
    }
}

/// Encodings, the one with the shortest bodies first.
const BY_LENGTH: [Encoding; 3] = [Encoding::Brotli, Encoding::Zstd, Encoding::Gzip];

/// The elements of a header that is a list, each with its weight; one whose weight can't
/// be read is passed over.
fn elements(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = (&[u8], Weight)> {
    let lists = headers.get_all(name).into_iter();
    lists
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .filter_map(|element| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let what = parts.next()?;
            let weight = parts.find_map(|part| {
                part.strip_prefix(b"q=")
                    .or_else(|| part.strip_prefix(b"Q="))
            });
            Some((what, weight.map_or(Some(MOST), thousandths)?))
        })
}

/// A weight of section 12.4.2: at most 1, with at most three digits behind the point.
fn thousandths(text: &[u8]) -> Option<Weight> {
    let (&first, rest) = text.split_first()?;
    let digits = match rest.split_first() {
        None => &[][..],
        Some((b'.', digits)) if digits.len() <= 3 => digits,
        Some(_) => return None,
    };
    let mut weight = match first {
        b'0' => 0,
        b'1' => MOST,
        _ => return None,
    };
    let mut place = 100;
    for digit in digits {
        weight += Weight::from(
            char::from(*digit)
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())?,
        ) * place;
        place /= 10;
    }
    (weight <= MOST).then_some(weight)
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

    #[test]
    fn the_encoding_of_the_highest_weight_is_chosen_then_the_shortest() {
        use Encoding::{Brotli, Gzip, Identity, Zstd};
        let check = |values: &[&'static str], expected: Encoding| {
            let chosen = encoding(&headers(ACCEPT_ENCODING, values));
            assert_eq!(chosen, expected, "{values:?}");
        };
        check(&[], Identity);
        check(&[""], Identity);
        check(&["identity"], Identity);
        check(&["deflate"], Identity);
        check(&["gzip"], Gzip);
        check(&["GZIP"], Gzip);
        check(&["x-gzip"], Gzip);
        check(&["gzip, deflate"], Gzip);
        check(&["gzip,deflate"], Gzip);
        check(&["zstd"], Zstd);
        check(&["gzip, zstd"], Zstd);
        check(&["gzip", "zstd"], Zstd);
        check(&["gzip, deflate, br, zstd"], Brotli);
        check(&["gzip, deflate, br"], Brotli);
        check(&["gzip;q=1.0, br;q=0.9"], Gzip);
        check(&["gzip;q=0.5"], Gzip);
        check(&["gzip;q=0"], Identity);
        check(&["gzip;q=0.000, br;q=0.001"], Brotli);
        check(&["gzip;q=0.5, identity;q=0.6"], Identity);
        check(&["gzip;q=0.5, identity;q=0.5"], Gzip);
        check(&["gzip, identity;q=0"], Gzip);
        check(&["identity;q=0"], Identity);
        check(&["*"], Brotli);
        check(&["*;q=0"], Identity);
        check(&["br;q=0, *;q=0.3"], Zstd);
        check(&["*;q=0, gzip"], Gzip);
        check(&["br;q=2, gzip;q=0.1"], Gzip);
        check(&["br;q=1.001, gzip"], Gzip);
        check(&["br;q=0.1234, gzip"], Gzip);
        check(&["br;q=, gzip"], Gzip);
        check(&[",,"], Identity);
    }
}
