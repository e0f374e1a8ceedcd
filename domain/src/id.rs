//! Ids: ULIDs for events and reservations, positions for tickets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID: 26 characters of Crockford's base 32 are expected")]
pub struct BadId;

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// From a wall-clock time in milliseconds since 1970 and 80 random bits;
            /// ids made later sort later.
            pub fn new(now: crate::Timestamp, random: u128) -> Self {
                let ms = u64::try_from(now.as_millis()).unwrap_or(0);
                Self(ulid::Ulid::from_parts(ms, random).0)
            }

            /// The id with this number; for tests and for ids derived from others.
            pub const fn from_number(number: u128) -> Self {
                Self(number)
            }

            /// The sixteen bytes used in keys and in stored records.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The inverse of [`Self::to_bytes`].
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                ulid::Ulid(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let id = ulid::Ulid::from_string(text).map_err(|_| BadId)?;
                // One id has one spelling: otherwise two URLs would name one event.
                let mut own = [0; ulid::ULID_LEN];
                if id.array_to_str(&mut own) == text { Ok(Self(id.0)) } else { Err(BadId) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.to_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
                }
            }
        }
    };
}

ulid_id!(
    /// Names an event.
    EventId
);
ulid_id!(
    /// Names a reservation. Minted by the edge before its first attempt, so that a
    /// repeat on any core finds the first attempt's record.
    ReservationId
);

/// A ticket's position in its event's ticket list, from 0, in the order of upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(#[serde(deserialize_with = "crate::whole::deserialize")] pub u32);

impl TicketId {
    /// The position as an index into columns.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn an_id_made_later_sorts_later_as_text_and_as_bytes() {
        let early = EventId::new(Timestamp::from_millis(1_000), u128::MAX);
        let late = EventId::new(Timestamp::from_millis(1_001), 0);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert!(early.to_bytes() < late.to_bytes());
    }

    #[test]
    fn an_id_has_exactly_one_spelling() {
        let id = EventId::new(Timestamp::from_millis(1_700_000_000_000), 7);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_lowercase().parse::<EventId>(), Err(BadId));
        assert_eq!("".parse::<EventId>(), Err(BadId));
    }
}
