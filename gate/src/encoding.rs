//! How a body travels: which encodings there are, which one a request asks for (RFC 9110,
//! section 12.5.3), and bytes in it.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use crate::weights::{Weight, elements};

/// In which encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// None.
    Identity,
    /// Brotli (RFC 7932).
    Brotli,
    /// Gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// How hard to try for shorter bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For bodies that change: see the table of levels.
    Often,
    /// For what is compressed once in a process: as short as can be.
    Once,
}

// Levels are chosen by what they cost and save, measured on one core of a 2-core EPYC
// machine. AVAIL is the availability of 8,897 seats half-way through a sale, which is
// compressed for each rev; LAYOUT is their layout, which is compressed once.
//
// |           | AVAIL, 9,046 B      | LAYOUT, 280,317 B   |
// |-----------|---------------------|---------------------|
// | brotli 5  | 1,557 B in 0.34 ms  | 47,728 B in 7.8 ms  |
// | brotli 9  | 1,443 B in 4.4 ms   | 45,318 B in 32 ms   |
// | gzip 5    | 1,607 B in 0.13 ms  | 65,646 B in 6.9 ms  |
// | gzip 9    | 1,467 B in 1.8 ms   | 64,388 B in 21 ms   |
// | zstd 5    | 1,620 B in 0.07 ms  | 56,818 B in 1.6 ms  |
// | zstd 9    | 1,537 B in 0.90 ms  | 46,204 B in 3.1 ms  |
//
// The next level up costs four times as much for the bodies that change and saves 5 %.

/// Brotli's quality, of 0 to 11, and its window as a power of two: often 256 KiB, which is
/// all but the longest layouts; once what RFC 7932 allows at most.
const fn brotli_levels(effort: Effort) -> (i32, i32) {
    match effort {
        Effort::Often => (5, 18),
        Effort::Once => (11, 24),
    }
}

/// Of 0 to 9.
const fn gzip_level(effort: Effort) -> u32 {
    match effort {
        Effort::Often => 5,
        Effort::Once => 9,
    }
}

/// Of 1 to 22; those above 19 want more memory of who reads.
const fn zstd_level(effort: Effort) -> i32 {
    match effort {
        Effort::Often => 5,
        Effort::Once => 19,
    }
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Brotli, Self::Gzip, Self::Zstd];

    /// The encoding that a request asks for, read without allocating: it is on the way of
    /// the hottest reads. Nothing is refused for it: who takes none of ours gets plain
    /// bodies.
    pub fn asked(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT_ENCODING).iter();
        match (values.next().map(|value| value.as_bytes()), values.next()) {
            (None, _) | (Some(b"" | b"identity"), None) => Self::Identity,
            // What browsers and the usual libraries send.
            (Some(b"gzip, deflate, br, zstd" | b"gzip, deflate, br" | b"br"), None) => Self::Brotli,
            (Some(b"gzip, deflate" | b"gzip"), None) => Self::Gzip,
            _ => weighed(headers),
        }
    }

    /// The encoding of a name in `Accept-Encoding`.
    pub fn named(name: &[u8]) -> Option<Self> {
        let names: [(&[u8], Self); 5] = [
            (b"identity", Self::Identity),
            (b"br", Self::Brotli),
            (b"gzip", Self::Gzip),
            // RFC 9110, section 8.4.1.3.
            (b"x-gzip", Self::Gzip),
            (b"zstd", Self::Zstd),
        ];
        let known = names.into_iter();
        let mut known = known.filter(|(known, _)| name.eq_ignore_ascii_case(known));
        known.next().map(|(_, encoding)| encoding)
    }

    /// What `Content-Encoding` says; none for plain bodies.
    pub fn content_encoding(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Brotli => Some(HeaderValue::from_static("br")),
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// What sets its tags apart; those of plain bodies have nothing.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Bytes in this encoding.
    ///
    /// # Errors
    ///
    /// None is known: it is memory that is written to.
    pub fn compress(self, bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(bytes.to_vec()),
            Self::Brotli => brotlied(bytes, effort),
            Self::Gzip => {
                let level = flate2::Compression::new(gzip_level(effort));
                let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, zstd_level(effort)),
        }
    }
}

/// The encoding of the highest weight; of those that are wanted alike, the one whose
/// bodies are the shortest.
fn weighed(headers: &HeaderMap) -> Encoding {
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

fn brotlied(bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let (quality, lgwin) = brotli_levels(effort);
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        lgwin,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut compressed = Vec::with_capacity(bytes.len() / 4);
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_of_the_highest_weight_is_chosen_then_the_shortest() {
        use Encoding::{Brotli, Gzip, Identity, Zstd};
        let check = |values: &[&'static str], expected: Encoding| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            let chosen = Encoding::asked(&headers);
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
