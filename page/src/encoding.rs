//! Texts in the encodings that browsers ask for: compressed once, as small as can be.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use crate::slim::slim;

/// How a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// What browsers ask for without TLS too.
    Gzip,
    /// The smallest.
    Brotli,
}

/// One text in every encoding, each made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Encoded([OnceLock<Bytes>; 3]);

impl Encoding {
    /// The smallest of those that a request takes.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let taken = |wanted: &str| {
            headers
                .get_all(ACCEPT_ENCODING)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|item| takes(item, wanted))
        };
        if taken("br") {
            Self::Brotli
        } else if taken("gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Its name on the wire; none for a text as it is.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

impl Encoded {
    /// The text in an encoding, without what only its readers need; the same text at
    /// every call.
    pub(crate) fn get(&self, text: &str, encoding: Encoding) -> Bytes {
        let made = self.0[encoding as usize].get_or_init(|| match encoding {
            Encoding::Identity => Bytes::from(slim(text)),
            Encoding::Gzip => gzip(&slim(text)),
            Encoding::Brotli => brotli(&slim(text)),
        });
        made.clone()
    }
}

/// Whether an item of `Accept-Encoding` takes an encoding: it names it, and doesn't weigh
/// it with nothing (RFC 9110, 12.5.3).
fn takes(item: &str, wanted: &str) -> bool {
    let (name, weight) = item.split_once(';').unwrap_or((item, ""));
    let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
    name.trim().eq_ignore_ascii_case(wanted) && weight.parse().unwrap_or(1.0) > 0.0
}

fn gzip(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory can't fail.
    let written = encoder.write_all(text.as_bytes());
    written
        .and_then(|()| encoder.finish())
        .map_or_else(|_| Bytes::new(), Bytes::from)
}

fn brotli(text: &str) -> Bytes {
    let params = brotli::enc::BrotliEncoderParams::default();
    let mut out = Vec::new();
    // Nor can this.
    match brotli::BrotliCompress(&mut text.as_bytes(), &mut out, &params) {
        Ok(_) => Bytes::from(out),
        Err(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_smallest_encoding_that_is_taken_is_chosen() {
        let check = |asked: &'static str, expected: Encoding| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(asked));
            assert_eq!(Encoding::of(&headers), expected, "{asked}");
        };
        assert_eq!(Encoding::of(&HeaderMap::new()), Encoding::Identity);
        check("gzip, deflate, br, zstd", Encoding::Brotli);
        check("GZIP", Encoding::Gzip);
        check("br;q=0, gzip;q=0.5", Encoding::Gzip);
        check("br; q=0.0", Encoding::Identity);
        check("identity", Encoding::Identity);
        check("*", Encoding::Identity);
    }
}
