//! Positions in the change log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A position in the change log: the store's epoch, then ten bytes that the store
/// assigns at commit. Opaque and ordered; one record of the log has one rev.
///
/// As text 28 lower-case hexadecimal digits, so that comparing texts compares revs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rev {
    /// Rises whenever the log starts anew, as after a restore from a backup.
    pub epoch: u32,
    /// Rises from commit to commit within an epoch.
    pub position: Position,
}

/// The part of a [`Rev`] that the store assigns: FoundationDB's versionstamp, or the
/// embedded store's sequence number followed by two zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub [u8; 10]);

/// A text that is not a rev.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a rev: 28 lower-case hexadecimal digits are expected")]
pub struct BadRev;

impl Position {
    /// The position of the `sequence`-th commit of a store that counts them.
    pub fn from_sequence(sequence: u64) -> Self {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&sequence.to_be_bytes());
        Self(bytes)
    }

    /// The inverse of [`Self::from_sequence`].
    pub fn sequence(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(bytes)
    }
}

impl Rev {
    /// How many characters a rev has as text.
    pub const TEXT_LENGTH: usize = 28;

    /// The fourteen bytes used on the wire between processes and in keys.
    pub fn to_bytes(self) -> [u8; 14] {
        let mut bytes = [0; 14];
        bytes[..4].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[4..].copy_from_slice(&self.position.0);
        bytes
    }

    /// The inverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: [u8; 14]) -> Self {
        let [a, b, c, d, position @ ..] = bytes;
        Self {
            epoch: u32::from_be_bytes([a, b, c, d]),
            position: Position(position),
        }
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex(&self.to_bytes()))
    }
}

impl fmt::Debug for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Rev {
    type Err = BadRev;

    fn from_str(text: &str) -> Result<Self, BadRev> {
        let digits = text.as_bytes();
        if digits.len() != Self::TEXT_LENGTH {
            return Err(BadRev);
        }
        let mut bytes = [0; 14];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self::from_bytes(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, BadRev> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadRev),
    }
}

impl Serialize for Rev {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.to_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Rev {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(D::Error::custom)
        } else {
            <[u8; 14]>::deserialize(deserializer).map(Self::from_bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_texts_is_the_order_of_revs() {
        let rev = |epoch, n| Rev {
            epoch,
            position: Position::from_sequence(n),
        };
        let revs = [
            rev(0, 0),
            rev(0, 1),
            rev(0, 255),
            rev(0, 256),
            rev(1, 0),
            rev(256, 9),
        ];
        for pair in revs.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
        }
    }

    #[test]
    fn only_28_lower_case_digits_are_a_rev() {
        let rev = Rev {
            epoch: 3,
            position: Position::from_sequence(77),
        };
        assert_eq!(rev.to_string().parse(), Ok(rev));
        let upper = rev.to_string().replace('d', "D").replace('4', "A");
        for text in ["", "00", &upper, &format!("{rev}0")] {
            assert_eq!(text.parse::<Rev>(), Err(BadRev), "{text}");
        }
    }
}
