//! Texts as they travel: each encoding made once, when it is first asked for.

use std::sync::OnceLock;

use bytes::Bytes;
use parterre_gate::encoding::{Effort, Encoding};

use crate::slim::slim;

/// One text in every encoding.
#[derive(Debug, Default)]
pub(crate) struct Encoded([OnceLock<(Encoding, Bytes)>; Encoding::ALL.len()]);

impl Encoded {
    /// The text in an encoding, without what only its readers need, and in which encoding
    /// it is after all; the same at every call.
    pub(crate) fn get(&self, text: &str, encoding: Encoding) -> &(Encoding, Bytes) {
        self.0[encoding as usize].get_or_init(|| {
            let plain = slim(text);
            match encoding.compress(plain.as_bytes(), Effort::Once) {
                Ok(bytes) => (encoding, bytes.into()),
                Err(_) => (Encoding::Identity, plain.into()),
            }
        })
    }
}
