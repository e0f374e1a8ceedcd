//! Formats and encodings: a structure of the API as bytes, and those bytes compressed.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use http::HeaderValue;
use serde::Serialize;

/// In which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// MessagePack: the same maps, with the same texts for ids, revs and times.
    Msgpack,
}

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

/// In which form a client takes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Representation {
    /// In which format.
    pub format: Format,
    /// In which encoding, if the body is long enough to be worth it.
    pub encoding: Encoding,
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

/// Of 0 to 11.
const BROTLI_QUALITY: i32 = 5;
/// The window as a power of two: 256 KiB, all but the longest layouts.
const BROTLI_WINDOW: i32 = 18;
/// Of 0 to 9.
const GZIP_LEVEL: u32 = 5;
/// Of 1 to 22.
const ZSTD_LEVEL: i32 = 5;

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Json, Self::Msgpack];

    /// The media type.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/msgpack",
        })
    }

    /// What sets its tags apart; JSON's have nothing.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Json => "",
            Self::Msgpack => ".m",
        }
    }

    /// A structure of the API in this format.
    ///
    /// # Panics
    ///
    /// Never: our own structures have text for keys, which is all that could be refused.
    #[expect(clippy::expect_used, reason = "see Panics")]
    pub(crate) fn encode<T: Serialize>(self, value: &T) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(value).expect("our structures can be encoded"),
            Self::Msgpack => {
                let mut bytes = Vec::new();
                let mut serializer = rmp_serde::Serializer::new(&mut bytes)
                    .with_struct_map()
                    .with_human_readable();
                value
                    .serialize(&mut serializer)
                    .expect("our structures can be encoded");
                bytes
            }
        }
    }
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Brotli, Self::Gzip, Self::Zstd];

    /// The encoding of a name in `Accept-Encoding`.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
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
    pub(crate) fn content_encoding(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Brotli => Some(HeaderValue::from_static("br")),
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// What sets its tags apart; those of plain bodies have nothing.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Bytes in this encoding.
    pub(super) fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(bytes.to_vec()),
            Self::Brotli => brotlied(bytes),
            Self::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
        }
    }
}

fn brotlied(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut compressed = Vec::with_capacity(bytes.len() / 4);
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}
