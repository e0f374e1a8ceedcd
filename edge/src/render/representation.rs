//! Formats: a structure of the API as bytes.

use http::HeaderValue;
pub use parterre_gate::encoding::Encoding;
use serde::Serialize;

/// In which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// MessagePack: the same maps, with the same texts for ids, revs and times.
    Msgpack,
}

/// In which form a client takes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Representation {
    /// In which format.
    pub format: Format,
    /// In which encoding, if the body is long enough to be worth it.
    pub encoding: Encoding,
}

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
