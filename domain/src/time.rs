//! Wall-clock time, in milliseconds since 1970 UTC. Rules never read a clock: time is
//! handed to them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment, to the millisecond. As text: RFC 3339 in UTC with three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-12-31T19:00:00.000Z")]
pub struct BadTimestamp;

impl Timestamp {
    /// The latest moment accepted: the end of the year 9998, so that adding a hold to
    /// any accepted time stays within what can be written as text.
    pub const MAX: Self = Self(253_370_764_800_000);

    /// From milliseconds since 1970 UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970 UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Milliseconds for keys, whose order must be the order of time; before 1970 is 0.
    pub fn to_key(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// The inverse of [`Self::to_key`].
    pub fn from_key(millis: u64) -> Self {
        Self(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// How long from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    /// Any offset is accepted; what is finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        let time: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        let parsed = Self(time.as_millisecond());
        if parsed <= Self::MAX {
            Ok(parsed)
        } else {
            Err(BadTimestamp)
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
                .parse()
                .map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utc_with_three_decimals() {
        let cases = [
            ("2026-12-31T19:00:00.000Z", "2026-12-31T19:00:00.000Z"),
            ("2026-12-31T19:00:00Z", "2026-12-31T19:00:00.000Z"),
            ("2024-05-12T22:00:00-04:00", "2024-05-13T02:00:00.000Z"),
            ("2026-01-01T00:00:00.1239Z", "2026-01-01T00:00:00.123Z"),
        ];
        for (text, expected) in cases {
            let time: Timestamp = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(time.to_string(), expected);
        }
        for text in [
            "",
            "2026-12-31",
            "yesterday",
            "2026-12-31T19:00:00",
            "9999-12-31T23:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(BadTimestamp), "{text}");
        }
    }
}
