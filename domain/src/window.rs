//! The creation window: the hours in which administrators' bulk writes run, so that they
//! keep out of the hours when people buy.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{FieldError, Refusal, Timestamp, limits};

/// When bulk writes run.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum CreationWindow {
    /// At any time. Braces, so that serde refuses fields beside the mode.
    Always {},
    /// Once a day.
    Daily(Hours),
}

/// Some hours of every day, in a time zone. `from` after `to` spans midnight.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// From when on.
    pub from: WallTime,
    /// Until when.
    pub to: WallTime,
    /// The time zone, an IANA name.
    pub tz: String,
}

/// A time of day, as `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    minutes: u16,
}

/// A text that is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day such as 02:00")]
pub struct BadWallTime;

const HOUR_MS: i64 = 3_600_000;

impl CreationWindow {
    /// That the window can be used.
    ///
    /// # Errors
    ///
    /// Every field that can't.
    pub fn check(&self) -> Result<(), Refusal> {
        let Self::Daily(hours) = self else {
            return Ok(());
        };
        let mut errors = Vec::new();
        if hours.from == hours.to {
            errors.push(FieldError::new("to", "must differ from from"));
        }
        if zone(&hours.tz).is_none() {
            errors.push(FieldError::new("tz", "isn't an IANA time zone"));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(errors))
        }
    }

    /// When a bulk write may run that is asked for now: now itself while the window is
    /// open, else its next opening.
    pub fn opening(&self, now: Timestamp) -> Timestamp {
        let Self::Daily(hours) = self else { return now };
        // A zone was checked when the window was set; without it nothing is put off.
        let Some(zone) = zone(&hours.tz) else {
            return now;
        };
        let mut next = None;
        for (opens, closes) in hours.around(&zone, now) {
            if opens <= now && now < closes {
                return now;
            }
            if opens > now {
                next = next.or(Some(opens));
            }
        }
        next.unwrap_or(now)
    }
}

impl Hours {
    /// The openings and closings of the days around a moment, in order.
    fn around(&self, zone: &TimeZone, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let local = zone.to_datetime(at(now)).date();
        let days = std::iter::successors(local.yesterday().ok(), |day| day.tomorrow().ok());
        let days: Vec<Date> = days.take(5).collect();
        let pairs = days.windows(2).filter_map(|pair| {
            let last = if self.from < self.to {
                pair[0]
            } else {
                pair[1]
            };
            let opens = moment(zone, pair[0], self.from, Repeated::First)?;
            let closes = moment(zone, last, self.to, Repeated::Second)?;
            Some((opens, closes))
        });
        pairs.collect()
    }
}

/// Which of two moments a time of day means that the clocks show twice.
#[derive(Clone, Copy)]
enum Repeated {
    First,
    Second,
}

/// When the clocks of a zone show a time on a day; where they skip it, when they go on.
fn moment(zone: &TimeZone, day: Date, time: WallTime, which: Repeated) -> Option<Timestamp> {
    let local = day.to_datetime(time.to_time());
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let found = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset it lies before the change, which is next.
            let before = after.to_timestamp(local).ok()?;
            zone.following(before).next()?.timestamp()
        }
        AmbiguousOffset::Fold { before, after } => match which {
            Repeated::First => before.to_timestamp(local).ok()?,
            Repeated::Second => after.to_timestamp(local).ok()?,
        },
    };
    Some(Timestamp::from_millis(found.as_millisecond()))
}

/// The quietest hours in a row, by the tickets bought in each hour since 1970, oldest
/// first; none when purchases go back less than a week.
pub fn suggest(purchases: &[(u64, i64)], tz: &str, now: Timestamp) -> Option<Hours> {
    let zone = zone(tz)?;
    let (first, _) = purchases.first()?;
    if now.since(hour_start(*first)) < limits::SUGGESTION_LEAST {
        return None;
    }
    let mut bought = [0_i64; 24];
    for &(hour, count) in purchases {
        let local = zone.to_datetime(at(hour_start(hour)));
        let of_day = usize::try_from(local.hour()).unwrap_or(0);
        bought[of_day] += count;
    }
    let sum = |from: u16| -> i64 {
        let hours = (from..from + limits::SUGGESTED_HOURS).map(|hour| usize::from(hour % 24));
        hours.map(|hour| bought[hour]).sum()
    };
    let from = (0..24_u16).min_by_key(|&from| sum(from))?;
    Some(Hours {
        from: WallTime { minutes: from * 60 },
        to: WallTime {
            minutes: (from + limits::SUGGESTED_HOURS) % 24 * 60,
        },
        tz: tz.to_owned(),
    })
}

/// The hour since 1970 in which a moment lies.
pub fn hour_of(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis().div_euclid(HOUR_MS)).unwrap_or(0)
}

/// When an hour since 1970 begins.
pub fn hour_start(hour: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(hour).unwrap_or(0).saturating_mul(HOUR_MS))
}

fn at(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A zone of the database that is compiled in: rules read no files.
fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

impl WallTime {
    fn to_time(self) -> Time {
        let part = |minutes: u16| i8::try_from(minutes).unwrap_or(0);
        Time::constant(part(self.minutes / 60), part(self.minutes % 60), 0, 0)
    }
}

impl FromStr for WallTime {
    type Err = BadWallTime;

    fn from_str(text: &str) -> Result<Self, BadWallTime> {
        let two = |text: &str, below: u16| -> Option<u16> {
            let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits);
            number.filter(|&number| number < below)
        };
        let (hours, minutes) = text.split_once(':').ok_or(BadWallTime)?;
        let (hours, minutes) = two(hours, 24).zip(two(minutes, 60)).ok_or(BadWallTime)?;
        Ok(Self {
            minutes: hours * 60 + minutes,
        })
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str, tz: &str) -> CreationWindow {
        CreationWindow::Daily(Hours {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            tz: tz.to_owned(),
        })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of times")]
    fn a_bulk_write_waits_for_the_next_opening() {
        let rows = [
            // From, to, zone, now, when it may run.
            (
                "02:00",
                "06:00",
                "UTC",
                "2030-06-01T02:00:00Z",
                "2030-06-01T02:00:00Z",
            ),
            (
                "02:00",
                "06:00",
                "UTC",
                "2030-06-01T05:59:59Z",
                "2030-06-01T05:59:59Z",
            ),
            (
                "02:00",
                "06:00",
                "UTC",
                "2030-06-01T06:00:00Z",
                "2030-06-02T02:00:00Z",
            ),
            (
                "02:00",
                "06:00",
                "UTC",
                "2030-06-01T01:00:00Z",
                "2030-06-01T02:00:00Z",
            ),
            (
                "22:00",
                "04:00",
                "UTC",
                "2030-06-01T03:00:00Z",
                "2030-06-01T03:00:00Z",
            ),
            (
                "22:00",
                "04:00",
                "UTC",
                "2030-06-01T05:00:00Z",
                "2030-06-01T22:00:00Z",
            ),
            (
                "02:00",
                "06:00",
                "Asia/Tokyo",
                "2030-06-01T00:00:00Z",
                "2030-06-01T17:00:00Z",
            ),
            // Berlin skips 02:00 to 03:00 on 31 March 2030.
            (
                "02:30",
                "06:00",
                "Europe/Berlin",
                "2030-03-31T00:00:00Z",
                "2030-03-31T01:00:00Z",
            ),
            (
                "02:00",
                "06:00",
                "Europe/Berlin",
                "2030-03-30T23:00:00Z",
                "2030-03-31T01:00:00Z",
            ),
            (
                "22:00",
                "02:30",
                "Europe/Berlin",
                "2030-03-31T01:00:00Z",
                "2030-03-31T20:00:00Z",
            ),
            // It shows 02:00 to 03:00 twice on 27 October 2030: open from the first to the
            // second.
            (
                "02:30",
                "06:00",
                "Europe/Berlin",
                "2030-10-27T00:00:00Z",
                "2030-10-27T00:30:00Z",
            ),
            (
                "00:00",
                "02:30",
                "Europe/Berlin",
                "2030-10-27T01:15:00Z",
                "2030-10-27T01:15:00Z",
            ),
            (
                "00:00",
                "02:30",
                "Europe/Berlin",
                "2030-10-27T01:30:00Z",
                "2030-10-27T23:00:00Z",
            ),
            // New York skips 02:00 to 03:00 on 10 March 2030.
            (
                "02:15",
                "05:00",
                "America/New_York",
                "2030-03-10T06:00:00Z",
                "2030-03-10T07:00:00Z",
            ),
        ];
        for (from, to, tz, now, expected) in rows {
            let window = window(from, to, tz);
            window.check().unwrap();
            let opening = window.opening(now.parse().unwrap());
            assert_eq!(
                opening,
                expected.parse().unwrap(),
                "{from} to {to} {tz} at {now}"
            );
        }
        let now = "2030-06-01T12:00:00Z".parse().unwrap();
        assert_eq!(CreationWindow::Always {}.opening(now), now);
    }

    #[test]
    fn what_cant_be_a_window_is_named() {
        let check = |window: CreationWindow, field: &str| match window.check() {
            Err(Refusal::Invalid(errors)) => assert_eq!(errors[0].field, field),
            other => panic!("{field}: {other:?}"),
        };
        check(window("02:00", "02:00", "UTC"), "to");
        check(window("02:00", "03:00", "Middle/Earth"), "tz");
        for bad in ["", "2:00", "24:00", "02:60", "02:00:00", "+2:00", "02-00"] {
            assert_eq!(bad.parse::<WallTime>(), Err(BadWallTime), "{bad}");
        }
    }

    #[test]
    fn the_quietest_four_hours_are_suggested_after_a_week() {
        let now: Timestamp = "2030-06-30T00:00:00Z".parse().unwrap();
        let today = hour_of(now);
        let sold = |days: u64| -> Vec<(u64, i64)> {
            let hours = today - days * 24..today;
            // Busy all day but from 23 to 3 o'clock.
            hours
                .map(|hour| (hour, if (hour + 1) % 24 < 4 { 1 } else { 50 }))
                .collect()
        };
        assert_eq!(suggest(&[], "UTC", now), None);
        assert_eq!(suggest(&sold(6), "UTC", now), None);
        let suggested = |tz: &str| {
            let hours = suggest(&sold(28), tz, now).unwrap();
            (hours.from.to_string(), hours.to.to_string())
        };
        assert_eq!(suggested("UTC"), ("23:00".into(), "03:00".into()));
        assert_eq!(suggested("Europe/Berlin"), ("01:00".into(), "05:00".into()));
    }
}
